"""Plain text into sentences, and what can be said of a sentence without understanding it."""

import re
from dataclasses import dataclass

WORDS_MIN, WORDS_MAX = 6, 60  # shorter is a heading or a signature; longer does not fit any post

_ABBREVIATION = re.compile(r"\b(?:Dr|Mr|Mrs|Ms|St|Lt|No|Nos|Prof|vs|ca|approx|e\.g|i\.e|cf|[A-Z])\.$")
_END = re.compile(r"(?<=[.!?])[\"'”’)]*\s+(?=[\"'“‘(]?[A-Z0-9])")
_FIRST_PERSON = re.compile(r"\b(?:I|we|We|me|us|my|My|our|Our|mine|ours)\b")
# An opening that points back at a sentence the reader of a post has not seen.
_DANGLING = re.compile(
    r"^(?:And|But|Or|So|Then|They|He|She|It|Its|His|Her|Their|Them|This|These|Those|That|There it|Both|Neither|Such"
    r"|Also|Of (?:this|these|them)|On the other|At present|Until then|Otherwise|However|Therefore|If it|While it"
    r"|Some of|Between us|Questions|In this way|With (?:this|these))\b"
)
_POINTS_BACK = re.compile(r"\b(?:that happens|that (?:will|would) be|the same tide|by then|as follows|above it)\b")


@dataclass(frozen=True)
class Sentence:
    number: int  # from 1, in the order of the text
    text: str
    section: str = ""  # the heading, or an interviewer's question, that it stands under


def sentences(text: str) -> list[Sentence]:
    """Sentences of prose, without headings, questions to the reader and fragments. Markdown emphasis is taken off."""
    found = [(part, section) for section, block in _blocks(text) for part in split(block)]
    return [Sentence(number, part, section) for number, (part, section) in enumerate(found, 1) if _usable(part)]


def _blocks(text: str) -> list[tuple[str, str]]:
    """(section, paragraph or list item). Headings and wholly emphasised lines, such as questions, name sections."""
    blocks: list[tuple[str, str]] = []
    section, begun = "", False
    for paragraph in re.split(r"\n\s*\n", text.replace("\r\n", "\n")):
        lines = [line.strip() for line in paragraph.split("\n") if line.strip()]
        heading = re.match(r"#+\s*(.+)", lines[0]) if lines else None
        if heading:
            section, lines = heading[1].strip("# "), lines[1:]
        elif emphasised := re.fullmatch(r"\*\*(.+)\*\*", " ".join(lines)):
            section, lines = emphasised[1], []
        if lines:
            front = not begun and _FRONT_MATTER.search(paragraph)
            begun = True
            items = re.split(r"\n(?=(?:[-*•]|\d+[.)])\s)", "\n".join(lines))
            blocks += [] if front else [(section, _plain(item)) for item in items]
    return blocks


# Who wrote it, to whom and when: known already, and nothing to tell. Looked for in the first paragraph alone.
_FRONT_MATTER = re.compile(
    r"\b(?:From|To|Date|Present|Sources?|Status|Purpose|Contact|Subject|Author|By): "
    r"|\b\d{1,2} [A-Z][a-z]+ (?:19|20)\d\d\b"
    r"|\b(?:19|20)\d\d-\d\d-\d\d\b"
)


def _plain(block: str) -> str:
    block = re.sub(r"^(?:[-*•>]|\d+[.)])\s+", "", block)
    return re.sub(r"\s+", " ", re.sub(r"\*\*|__|`", "", block)).strip()


def split(block: str) -> list[str]:
    """One line of prose into sentences, abbreviations minded."""
    parts: list[str] = []
    for part in _END.split(block):
        if parts and _ABBREVIATION.search(parts[-1]):
            parts[-1] = f"{parts[-1]} {part}"
        else:
            parts.append(part.strip())
    return parts


def _usable(part: str) -> bool:
    whole = part.count('"') % 2 == 0 and part.count("“") == part.count("”")
    return WORDS_MIN <= len(part.split()) <= WORDS_MAX and part[-1] in ".!\"”’'" and whole


def is_dangling(text: str) -> bool:
    """Whether a sentence needs the one before it: it begins in the middle of a thought or points back."""
    start = text.lstrip("\"“'‘(")
    return start[:1].islower() or bool(_DANGLING.match(start) or _POINTS_BACK.search(text))


def is_first_person(text: str) -> bool:
    """Whether somebody speaks of themselves, so that the sentence is theirs and must be quoted."""
    return bool(_FIRST_PERSON.search(text))


def is_concrete(text: str) -> bool:
    """Whether a sentence holds a figure or a name inside."""
    return bool(re.search(r"\d", text) or re.search(r"(?<=[a-z,] )[A-Z][a-z]{2,}", text) or _NUMERALS.search(text))


_NUMERALS = re.compile(
    r"\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|twenty|thirty|forty|fifty|sixty|seventy"
    r"|eighty|ninety|hundred|thousand|million)\b",
    re.IGNORECASE,
)


def holds_any(text: str, words: list[str]) -> list[str]:
    """The words or phrases of the list that stand in the text, as whole words in any case."""
    return [word for word in words if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE)]
