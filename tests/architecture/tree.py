"""The repository as the architecture's tests see it: what is tracked, and what the sources say."""

import ast
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("chimera", "swarm", "commerce", "safety", "memory")


@cache
def tracked() -> tuple[Path, ...]:
    """Every file that git tracks and that is there, relative to the root; also in a clone of somebody else's."""
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return tuple(Path(name) for name in listed.stdout.split("\0") if name and (ROOT / name).is_file())


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
    """A copy of what is tracked, as it stands now: all of it, or these files and folders."""
    for path in tracked():
        if not below or path.parts[0] in below:
            (to / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, to / path)
    return to
