"""docs/benchmarks.md: what a run says goes between two markers of its part, and nothing else is touched."""

import re
from pathlib import Path

from benchmarks.lifecycle import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"


def write(part: str, text: str, page: Path = PAGE, *, of: str = "bench-swarm") -> None:
    """SystemExit where the page has no place for this part."""
    begin, end = f"<!-- {of} {part} -->", f"<!-- end of {of} {part} -->"
    said = page.read_text()
    place = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if not place.search(said):
        raise SystemExit(f"{page.name} has no place between {begin} and {end}")
    page.write_text(place.sub(lambda _: f"{begin}\n\n{text}\n\n{end}", said))
