"""Serving refuses to start as a role that row-level security does not bind, and says which and what to do."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connections

from chimera import checks
from chimera.kernel import roles, serving
from tests import cluster
from tests.processes import proc

PASSWORD = "harbour-1911"  # of roles that live as long as a test
STARTS = {
    "web": ["-c", "import chimera.asgi"],
    "web without sockets": ["-c", "import chimera.wsgi"],
    "relay": ["manage.py", "relay"],
    "worker": ["manage.py", "procrastinate", "worker", "--one-shot"],
}
# What a role must not have, and what is said of it.
FAULTS = {
    "SUPERUSER": "is a superuser",
    "BYPASSRLS": "has BYPASSRLS",
    f"IN ROLE {roles.OWNER}": "may act as their owner",
    f"IN ROLE {roles.SYSTEM}": f"inherits {roles.SYSTEM}",
}


@pytest.fixture
def login(db: None) -> Iterator[Callable[[str], str]]:
    """Makes a role with a fault, and answers the URL of its login."""

    def make(fault: str) -> str:
        said(f"CREATE ROLE chimera_faulty LOGIN PASSWORD '{PASSWORD}' {fault}")
        said(f"GRANT CONNECT ON DATABASE {cluster.DATABASE} TO chimera_faulty")
        return url_of("chimera_faulty")

    yield make
    said(f"REVOKE CONNECT ON DATABASE {cluster.DATABASE} FROM chimera_faulty")
    said("DROP ROLE chimera_faulty")


def said(sql: str) -> None:
    with psycopg.connect(cluster.postgres.urls.superuser, autocommit=True) as superuser:
        superuser.execute(sql)


def url_of(role: str) -> str:
    parts = urlsplit(cluster.postgres.urls.app)
    return urlunsplit(parts._replace(netloc=f"{role}:{PASSWORD}@{parts.hostname}:{parts.port}"))


@pytest.fixture
def ask_as(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Ask in this process, as the role of a URL."""

    def ask(url: str) -> None:
        parts = urlsplit(url)
        login = {"USER": parts.username, "PASSWORD": parts.password, "PORT": parts.port}
        ours = connections["default"]
        monkeypatch.setattr(ours, "settings_dict", ours.settings_dict | login)

    return ask


@pytest.mark.parametrize("fault", FAULTS)
def test_a_role_that_could_see_every_tenant_is_refused(
    login: Callable[[str], str], ask_as: Callable[[str], None], fault: str
) -> None:
    ask_as(login(fault))
    with pytest.raises(serving.UnsafeLogin, match="the role chimera_faulty") as refusal:
        serving.refuse_unsafe_login()
    assert FAULTS[fault] in str(refusal.value)
    assert "manage.py doctor --sql" in str(refusal.value)
    (error,) = checks.the_login_is_bound_by_row_level_security(None)
    assert (error.id, error.msg) == ("chimera.E002", str(refusal.value))


@pytest.mark.usefixtures("db")
def test_the_application_role_is_let_in() -> None:
    serving.refuse_unsafe_login()
    assert checks.the_login_is_bound_by_row_level_security(None) == []


@pytest.mark.usefixtures("db")
def test_the_owner_is_refused(ask_as: Callable[[str], None]) -> None:
    ask_as(cluster.postgres.urls.owner)
    with pytest.raises(serving.UnsafeLogin, match="the role chimera_owner owns tables"):
        serving.refuse_unsafe_login()


def test_a_server_that_is_away_is_no_unsafe_login(ask_as: Callable[[str], None]) -> None:
    ask_as("postgresql://chimera_app:x@127.0.0.1:9/chimera")
    with pytest.raises(OperationalError):
        serving.refuse_unsafe_login()
    assert checks.the_login_is_bound_by_row_level_security(None) == []


def test_an_address_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connections["default"].settings_dict, "NAME", "")
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL is not set"):
        serving.refuse_unsafe_login()


@pytest.mark.slow
@pytest.mark.usefixtures("db")
@pytest.mark.parametrize("process", STARTS)
def test_no_process_starts_as_the_owner(process: str) -> None:
    environment = dict(os.environ) | {
        "DATABASE_URL": cluster.postgres.urls.owner,
        "DJANGO_SETTINGS_MODULE": "chimera.settings",
    }
    ended = subprocess.run(
        [sys.executable, *STARTS[process]], env=environment, cwd=proc.ROOT, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode != 0
    assert "the role chimera_owner owns tables, or may act as their owner" in ended.stderr
