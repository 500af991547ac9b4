"""Tables as Markdown, so that they can stand in a document as they are."""

import sys
from collections.abc import Iterable, Sequence


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [list(head), ["---", *["---:"] * (len(head) - 1)], *map(list, lines)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in rows)


def complain(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def met(is_met: bool) -> str:
    return "met" if is_met else "**missed**"


def whole(value: float) -> str:
    return f"{value:,.0f}".replace(",", " ")


def percentile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
