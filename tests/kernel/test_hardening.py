"""What is sent to browsers, and what `check --deploy` says of an installation with TLS."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client, RequestFactory, override_settings

from chimera.kernel.http.address import address_of
from chimera.kernel.http.csp import policy_for
from tests.cast import Stage
from tests.console.desk import Desk

PRODUCTION = {
    "CHIMERA_BASE_URL": "https://chimera.example",
    "CHIMERA_HOSTS": "chimera.example",
    "CHIMERA_SECRET_KEY": "t7Qw-" * 14 + "9zYx4KpLmB",
    "CHIMERA_PROXIES": "1",
}


def test_an_installation_with_tls_has_nothing_left_to_harden(tmp_path: Path) -> None:
    known = {
        name: os.environ[name] for name in ("PATH", "HOME", "DATABASE_URL", "DATABASE_OWNER_URL") if name in os.environ
    }
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=settings.BASE_DIR,
        env={**known, **PRODUCTION, "CHIMERA_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "System check identified no issues (1 silenced).\n")


def directives(path: str) -> dict[str, set[str]]:
    return {name: set(rest) for name, *rest in (part.split() for part in policy_for(path).split(";"))}


@pytest.mark.parametrize("path", ["/admin/", "/admin/login/", "/api/docs/", "/live/sessions/1/", "/api/v1/tasks"])
def test_no_page_may_run_inline_scripts_be_framed_or_talk_to_others(path: str) -> None:
    said = directives(path)
    assert said["script-src"] - {"'unsafe-eval'"} == {"'self'"}
    assert ("'unsafe-eval'" in said["script-src"]) == path.startswith("/admin/")
    assert said["frame-ancestors"] == said["object-src"] == {"'none'"}
    assert said["connect-src"] == {"'self'", settings.BASE_URL.replace("http", "ws", 1)}


def test_no_page_has_an_inline_script(acme: Stage) -> None:
    boss = Desk(acme.boss)
    session = acme.session()["id"]
    for path in (
        "/admin/",
        "/admin/swarm/task/",
        "/admin/swarm/membership/",
        "/api/docs/",
        f"/live/sessions/{session}/",
    ):
        page = boss.get(path).ok()
        inline = re.findall(r"<script(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")[^>]*>", page.html)
        assert inline == [], path
        assert not re.search(r"\son(click|load|submit|change|error)=", page.html), path
        assert page.headers["Content-Security-Policy"] == policy_for(path)


def test_cookies_are_kept_from_scripts_and_other_sites(acme: Stage) -> None:
    client = Client()
    client.get("/admin/login/")
    cookie = client.cookies["csrftoken"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")


def test_an_address_is_what_our_own_proxies_say_and_no_others() -> None:
    def asked(**meta: str) -> str:
        return address_of(RequestFactory().get("/", **meta))

    claimed = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "1.1.1.1, 203.0.113.9, 10.0.0.2"}
    assert asked(**claimed) == "10.0.0.1"
    assert asked(REMOTE_ADDR="") == ""
    with override_settings(PROXIES=2):
        assert asked(**claimed) == "203.0.113.9"
        assert asked(REMOTE_ADDR="10.0.0.1") == "10.0.0.1"
