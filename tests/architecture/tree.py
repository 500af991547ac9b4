"""The repository as the architecture's tests see it: what is tracked, and what the sources say."""

import ast
import io
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("chimera", "swarm", "commerce", "safety", "memory")


def tracked() -> tuple[Path, ...]:
    """Every file that git tracks and that is there, relative to the root."""
    return _listed()


@cache
def _listed(*options: str) -> tuple[Path, ...]:
    listed = _git("ls-files", "-z", *options).decode()
    return tuple(Path(name) for name in listed.split("\0") if name and (ROOT / name).is_file())


def _git(*words: str) -> bytes:
    """Also in a clone that belongs to somebody else, where git asks for more trust than reading needs."""
    return subprocess.run(["git", "-c", "safe.directory=*", *words], cwd=ROOT, check=True, capture_output=True).stdout


def python(*below: str) -> list[Path]:
    """Tracked Python files, or those of some folders."""
    return [path for path in tracked() if path.suffix == ".py" and (not below or path.parts[0] in below)]


def parsed(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(), filename=str(path))


def imports(path: Path) -> Iterator[str]:
    """The modules that a source names in its imports, `from a import b` as `a` and as `a.b`."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def copied(to: Path, *below: str) -> Path:
    """A copy of the sources as they stand now, new ones included: all, or these files and folders."""
    for path in _listed("--cached", "--others", "--exclude-standard"):
        if not below or path.parts[0] in below:
            (to / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, to / path)
    return to


def committed(to: Path) -> Path:
    """What was committed last, without anybody's drafts."""
    with tarfile.open(fileobj=io.BytesIO(_git("archive", "HEAD"))) as archive:
        archive.extractall(to)
    return to
