"""Migrations go forward, to zero and forward with rows in the tables; models and database say the same."""

import os
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest
from django.core.management import call_command

from tests import cluster
from tests.processes import proc

DATABASE = "chimera_migrations"


@pytest.fixture
def empty_database() -> Iterator[dict[str, str]]:
    """The environment of a database of its own on the test run's cluster."""
    with psycopg.connect(cluster.postgres.urls.superuser, autocommit=True) as superuser:
        superuser.execute(f"CREATE DATABASE {DATABASE} OWNER chimera_owner")
        superuser.execute(f"GRANT CONNECT ON DATABASE {DATABASE} TO chimera_app")
        urls = cluster.postgres.urls
        yield {
            "DATABASE_URL": urlsplit(urls.app)._replace(path=f"/{DATABASE}").geturl(),
            "DATABASE_OWNER_URL": urlsplit(urls.owner)._replace(path=f"/{DATABASE}").geturl(),
        }
        superuser.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


@pytest.mark.slow
@pytest.mark.usefixtures("db")
def test_migrations_go_forward_to_zero_and_forward_over_rows(empty_database: dict[str, str]) -> None:
    environment = dict(os.environ) | empty_database | {"DJANGO_SETTINGS_MODULE": "chimera.settings"}
    ended = subprocess.run(
        [sys.executable, "-m", "tests.kernel.migrating"],
        env=environment, cwd=proc.ROOT, capture_output=True, text=True, timeout=180,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout[-1000:] + ended.stderr[-3000:]
    did = ended.stdout.splitlines()
    assert (did[0], did[1], did[-2:]) == ("migrated", "filled Acme", ["migrated", "filled Baltic"])
    assert "migrated kernel zero" in did


@pytest.mark.usefixtures("db")
def test_the_models_have_not_drifted_from_their_migrations() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
