"""A finding: one sentence of a source, as it is written to memory and read back from it.

A memory is plain text, so the source travels inside: `<sentence> [notice.md § Fares, sentence 12]`. Whatever lacks this
ending is not cited. The section also helps the search: it says what the sentence is about.
"""

import re
from dataclasses import asdict, dataclass
from typing import Any

_SHAPE = re.compile(
    r"^(?P<quote>.+) \[(?P<file>[^\[\]§]+?)(?: § (?P<section>[^\[\]]+))?, sentence (?P<sentence>\d+)\]$",
    re.DOTALL,
)


@dataclass(frozen=True)
class Finding:
    quote: str
    file: str
    sentence: int
    section: str = ""
    memory: str = ""  # id of the memory that holds it
    score: float = 0.0

    @property
    def content(self) -> str:
        section = re.sub(r"[\[\]]", "", self.section)
        return f"{self.quote} [{self.file}{f' § {section}' if section else ''}, sentence {self.sentence}]"

    @property
    def in_context(self) -> str:
        """The sentence with its surroundings, for comparing by meaning: alone, it could be about anything."""
        return (
            f"{self.source_name}, {self.section}: {self.quote}" if self.section else f"{self.source_name}: {self.quote}"
        )

    @property
    def source_name(self) -> str:
        """`press-questions.md` as a reader would say it."""
        return re.sub(r"[-_]+", " ", self.file.rsplit("/", 1)[-1].rsplit(".", 1)[0])

    def as_source(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name != "score" and value != ""}


def of_memory(memory: dict[str, Any], score: float = 0.0) -> Finding | None:
    """The finding in a memory, or None for a memory of another kind."""
    match = _SHAPE.match(str(memory.get("content", "")))
    if match is None:
        return None
    return Finding(
        match["quote"],
        match["file"],
        int(match["sentence"]),
        match["section"] or "",
        str(memory.get("id", "")),
        score,
    )
