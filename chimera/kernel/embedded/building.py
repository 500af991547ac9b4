"""Weaviate's binary, compiled once from the Go module that its makers publish, into `home`/bin. Nothing else needs a network.

The binary appears whole or not at all, under a name with its version. What a build that was ended had compiled is kept by
Go, and the next one goes on from there.
"""

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from chimera.kernel.embedded.folder import Hold, open_home
from chimera.kernel.embedded.identity import SAME
from chimera.kernel.embedded.process import launched
from chimera.kernel.embedded.weaviate import VERSION, built

MODULE = "github.com/weaviate/weaviate/cmd/weaviate-server"
GO_LEAST = (1, 26)  # what the go.mod of this version asks for
PACKAGES = 1_850  # `go list -deps` of it
WORDS_KEPT = 15  # lines of a build that failed
CHECK_SECONDS = 60
# Of the caller's own: what would compile for another machine, read another module, or fetch another Go.
SETTINGS = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "", "GOWORK": "off", "GO111MODULE": "on"}
FOREIGN = ("GOOS", "GOARCH")
WAY_OUT = "install it from https://go.dev/dl, or set WEAVIATE_URL to a server of your own (README, Your own servers)"


class BuildFailed(RuntimeError):
    """There is no binary; the message says why, and what to do."""


@dataclass
class Progress:
    """How far Go has come, from what it says."""

    began: float = field(default_factory=time.monotonic)
    modules: int = 0
    packages: int = 0
    words: deque[str] = field(default_factory=lambda: deque(maxlen=WORDS_KEPT))

    def hear(self, line: str) -> None:
        if line.startswith("go: downloading "):
            self.modules += 1
        elif re.fullmatch(r"[\w./~-]+", line):  # the name of a package that is compiled now
            self.packages += 1
        else:
            self.words.append(line)

    def __str__(self) -> str:
        seconds = f"{time.monotonic() - self.began:.0f} s"
        if not self.packages:
            return f"building Weaviate {VERSION}: {self.modules} modules downloaded, {seconds}"
        return f"building Weaviate {VERSION}: {self.packages} of at most {PACKAGES} packages compiled, {seconds}"


def build(home: Path, tell: Callable[[Progress], None]) -> Path:
    """The binary; `tell` hears of every step. At once where it is there already. BuildFailed, or AlreadyRunning where another builds."""
    target = built(home)
    if target.exists():
        return target
    go = check_go()
    open_home(home)
    target.parent.mkdir(mode=0o700, exist_ok=True)
    hold = Hold(target.parent / "build.lock")
    hold.take("a build of Weaviate")
    try:
        _sweep(target.parent)
        with _folder(target.parent) as folder:
            _install(go, folder, tell)
            fresh = folder / "weaviate-server"
            _check(fresh)
            fresh.replace(target)
        _leave_only(target)
    finally:
        hold.release()
    return target


def check_go() -> str:
    """The `go` on the PATH, or BuildFailed where it is missing or too old."""
    go = shutil.which("go")
    least = ".".join(map(str, GO_LEAST))
    if go is None:
        raise BuildFailed(f"Weaviate is compiled by Go {least} or newer, and there is no `go` here: {WAY_OUT}")
    asked = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, env=_environment())
    found = re.search(r"go(\d+)\.(\d+)", asked.stdout)
    if found is None:
        raise BuildFailed(
            f"`{go} env GOVERSION` says {(asked.stdout + asked.stderr).strip()!r}, which is no version of Go"
        )
    if (int(found[1]), int(found[2])) < GO_LEAST:
        raise BuildFailed(f"Weaviate is compiled by Go {least} or newer, and {go} is {asked.stdout.strip()}: {WAY_OUT}")
    return go


def _install(go: str, folder: Path, tell: Callable[[Progress], None]) -> None:
    command = [go, "install", "-v", "-ldflags=-s -w", f"{MODULE}@v{VERSION}"]
    compiler = subprocess.Popen(
        launched(SAME) + command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=_environment(folder),
    )
    progress = Progress()
    try:
        tell(progress)
        assert compiler.stderr is not None
        for line in compiler.stderr:
            progress.hear(line.strip())
            tell(progress)
    except BaseException:
        compiler.terminate()
        compiler.wait()
        raise
    if compiler.wait() != 0:
        raise BuildFailed(
            "Go did not build Weaviate:\n" + "\n".join(progress.words) + "\nwhat was compiled is kept: try again"
        )


def _environment(folder: Path | None = None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    return kept | SETTINGS | ({"GOBIN": str(folder)} if folder else {})


def _check(binary: Path) -> None:
    """It runs here: no folder that forbids it, no other machine's code."""
    try:
        said = subprocess.run([binary, "--help"], capture_output=True, text=True, timeout=CHECK_SECONDS)
    except OSError as error:
        raise BuildFailed(f"Weaviate was built, and cannot be run from {binary.parent.parent}: {error}") from None
    if "weaviate" not in (said.stdout + said.stderr).lower():
        raise BuildFailed(f"Weaviate was built, and says nothing of itself: {(said.stdout + said.stderr)[:300]!r}")


@contextmanager
def _folder(beside: Path) -> Iterator[Path]:
    """In the folder of the binary, so that it is renamed and not copied."""
    with tempfile.TemporaryDirectory(prefix=".building-", dir=beside) as folder:
        yield Path(folder)


def _sweep(folder: Path) -> None:
    """What builds that were killed left behind; none runs now, because the lock is ours."""
    for left in folder.glob(".building-*"):
        shutil.rmtree(left, ignore_errors=True)


def _leave_only(target: Path) -> None:
    """Binaries of other versions have 140 MB each; one that runs goes on."""
    for other in target.parent.glob("weaviate-server-*"):
        if other != target:
            other.unlink()
