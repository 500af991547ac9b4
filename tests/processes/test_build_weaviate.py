"""`make weaviate`: what stands there afterwards is whole, or nothing. The compiler is a script; CI builds with the real one."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from chimera.kernel.embedded.building import PACKAGES, BuildFailed, Progress, build
from chimera.kernel.embedded.folder import Hold
from chimera.kernel.embedded.weaviate import VERSION, built
from tests.processes import proc

GO = """#!/bin/sh
echo "$@" >> "{calls}"
if [ "$1" = env ]; then echo {version}; exit 0; fi
echo "go: downloading example.com/one v1.0.0" >&2
echo "example.com/one" >&2
{then}
"""
WORKS = """printf '#!/bin/sh\\necho weaviate-server usage\\n' > "$GOBIN/weaviate-server"; chmod 700 "$GOBIN/weaviate-server"
env > "$GOBIN/../../environment" """
Compiler = Callable[..., Path]


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Compiler:
    """`go("…")` puts a compiler on the PATH that does this, and answers the file of its calls."""

    def put(then: str, version: str = "go1.26.8") -> Path:
        folder, calls = tmp_path / "go", tmp_path / "calls"
        folder.mkdir(exist_ok=True)
        (folder / "go").write_text(GO.format(calls=calls, version=version, then=then))
        (folder / "go").chmod(0o700)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
        return calls

    return put


def silent(progress: Progress) -> None:
    pass


def left_in(home: Path) -> set[str]:
    return {path.name for path in (home / "bin").iterdir()} - {"build.lock"}


def test_it_is_built_once(go: Compiler, tmp_path: Path) -> None:
    calls, home = go(WORKS), tmp_path / "home"
    told: list[str] = []
    assert build(home, lambda progress: told.append(str(progress))) == built(home)
    assert calls.read_text().splitlines()[1].endswith(f"weaviate-server@v{VERSION}")
    assert told[-1].startswith(f"building Weaviate {VERSION}: 1 of at most {PACKAGES} packages compiled")
    calls.unlink()
    assert build(home, silent) == built(home)
    assert not calls.exists()
    assert left_in(home) == {built(home).name}


def test_nothing_of_the_callers_go_settings_changes_what_is_built(
    go: Compiler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(WORKS)
    for name, value in (("GOFLAGS", "-mod=vendor"), ("GOOS", "plan9"), ("GOTOOLCHAIN", "auto"), ("CGO_ENABLED", "1")):
        monkeypatch.setenv(name, value)
    build(tmp_path / "home", silent)
    lines = (tmp_path / "home" / "environment").read_text().splitlines()
    assert {"GOFLAGS=", "GOTOOLCHAIN=local", "CGO_ENABLED=0"} <= set(lines)
    assert not any(line.startswith("GOOS=") for line in lines)


def test_without_go_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildFailed, match=r"there is no `go` here: install it .* or set WEAVIATE_URL"):
        build(tmp_path / "home", silent)


@pytest.mark.parametrize("version", ["go1.19.8", "go1.25.9"])
def test_an_old_go_is_named(go: Compiler, tmp_path: Path, version: str) -> None:
    go(WORKS, version)
    with pytest.raises(BuildFailed, match=rf"Go 1.26 or newer, and .*/go is {version}: install it"):
        build(tmp_path / "home", silent)


@pytest.mark.parametrize("version", ["go1.27rc1", "go2.0", "devel go1.28-f00d"])
def test_a_newer_go_will_do(go: Compiler, tmp_path: Path, version: str) -> None:
    go(WORKS, f"'{version}'")
    assert build(tmp_path / "home", silent).exists()


def test_a_build_that_fails_says_its_last_words_and_leaves_nothing(go: Compiler, tmp_path: Path) -> None:
    go('echo "link: no space left on device" >&2; printf half > "$GOBIN/weaviate-server"; exit 1')
    with pytest.raises(BuildFailed, match="no space left on device\nwhat was compiled is kept: try again"):
        build(tmp_path / "home", silent)
    assert left_in(tmp_path / "home") == set()


def test_a_binary_that_does_not_run_is_not_kept(go: Compiler, tmp_path: Path) -> None:
    go('printf "no program" > "$GOBIN/weaviate-server"; chmod 700 "$GOBIN/weaviate-server"')
    with pytest.raises(BuildFailed, match="cannot be run"):
        build(tmp_path / "home", silent)
    assert left_in(tmp_path / "home") == set()


def test_other_versions_make_room(go: Compiler, tmp_path: Path) -> None:
    go(WORKS)
    (tmp_path / "home" / "bin").mkdir(parents=True)
    (tmp_path / "home" / "bin" / "weaviate-server-1.0.0").touch()
    build(tmp_path / "home", silent)
    assert left_in(tmp_path / "home") == {built(tmp_path / "home").name}


def test_two_at_once_are_one(go: Compiler, tmp_path: Path, settings: Any) -> None:
    go(WORKS)
    settings.HOME = tmp_path
    (tmp_path / "bin").mkdir()
    hold = Hold(tmp_path / "bin" / "build.lock")
    hold.take("another")
    with pytest.raises(CommandError, match="a build of Weaviate is already running"):
        call_command("build_weaviate")
    hold.release()
    written = io.StringIO()
    call_command("build_weaviate", stdout=written)
    assert f"Weaviate is there: {built(tmp_path)}" in written.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_build_takes_its_compiler_along_and_the_next_one_begins(
    go: Compiler, tmp_path: Path, number: signal.Signals
) -> None:
    go('printf half > "$GOBIN/weaviate-server"; exec sleep 600')
    home = tmp_path / "home"
    command = [sys.executable, "manage.py", "build_weaviate"]
    environment = dict(os.environ) | {"CHIMERA_HOME": str(home)}
    with (tmp_path / "said").open("w") as said:
        run = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            env=environment,
            cwd=proc.ROOT,
            preexec_fn=proc.heed_ctrl_c,
        )
    compiler = proc.until(lambda: proc.child(run.pid, "sleep 600"), 60)
    run.send_signal(number)
    assert run.wait(20) != 0
    proc.until(lambda: not proc.lives(compiler))
    if number == signal.SIGINT:
        assert "the next call goes on" in (tmp_path / "said").read_text()
    assert not built(home).exists()
    go(WORKS)
    assert build(home, silent) == built(home)
    assert left_in(home) == {built(home).name}
