"""`manage.py tenant add` when it cannot: one sentence, no traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from chimera.kernel.embedded import ports
from tests.cast import Stage
from tests.processes import proc


def said_without_servers(home: Path, **variables: str) -> list[str]:
    own = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL")
    environment = {name: value for name, value in os.environ.items() if name not in own}
    environment |= {"CHIMERA_HOME": str(home), **variables}
    command = [sys.executable, "manage.py", "tenant", "add", "Acme"]
    done = subprocess.run(command, cwd=proc.ROOT, env=environment, capture_output=True, text=True, timeout=90)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr.strip().splitlines()


def test_a_name_that_another_tenant_has_is_refused_in_one_sentence(acme: Stage) -> None:
    with pytest.raises(CommandError, match=r"^There is a tenant 'Acme' already\.$"):
        call_command("tenant", "add", "Acme")


@pytest.mark.slow
def test_without_servers_it_names_the_variable_and_the_way_out(tmp_path: Path) -> None:
    (sentence,) = said_without_servers(tmp_path)
    assert "DATABASE_URL is not set" in sentence
    assert "make up" in sentence
    nobody = f"postgresql://somebody:secret@127.0.0.1:{ports.choose()}/chimera"
    (away,) = said_without_servers(tmp_path, DATABASE_URL=nobody)
    assert "DATABASE_URL" in away
    assert "make up" in away
