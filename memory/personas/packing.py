"""What fits: parts of a context, chosen within a budget of tokens, and what was left out of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from memory.personas.counting import tokens


class Section(StrEnum):
    """In the order in which they stand in the text."""

    HONESTY = "honesty"
    SOUL = "soul"
    LAST_HOUR = "last_hour"
    MEMORIES = "memories"
    TASK = "task"


HEADINGS = {
    Section.HONESTY: "# Honesty",
    Section.SOUL: "# Persona",
    Section.LAST_HOUR: "# The last hour",
    Section.MEMORIES: "# What is remembered",
    Section.TASK: "# Your task",
}
# Of what honesty and the persona's directives leave; in the order in which they are filled. What one does not need, the next may take.
SHARES: Mapping[Section, float] = {
    Section.TASK: 0.25,
    Section.SOUL: 0.30,
    Section.MEMORIES: 0.25,
    Section.LAST_HOUR: 0.20,
}
GAP = "\n\n"  # between sections
CUT = "…"


class Reason(StrEnum):
    BUDGET = "budget"  # no room
    CUT = "cut"  # the end of it
    OLDER = "older"  # and not read: there is more than is looked at
    IN_LAST_HOUR = "in_last_hour"  # stands there


@dataclass(frozen=True, slots=True)
class Part:
    """Something that is shown as a whole or not at all, unless it may be cut. `id` is a memory's, or says what it is."""

    id: str
    text: str
    may_be_cut: bool = False

    @property
    def cost(self) -> int:
        """With the line break before it."""
        return tokens(self.text) + 1


@dataclass(frozen=True, slots=True)
class LeftOut:
    section: Section
    id: str | None
    reason: Reason
    tokens: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Parts of a section, what matters most first. `in_order`: nothing after one that has no room."""

    parts: Sequence[Part]
    in_order: bool = False


@dataclass(slots=True)
class Filled:
    section: Section
    parts: list[Part] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "\n".join([HEADINGS[self.section], *(part.text for part in self.parts)])


@dataclass(frozen=True, slots=True)
class Packed:
    sections: list[Filled]
    left_out: list[LeftOut]

    @property
    def text(self) -> str:
        return GAP.join(section.text for section in self.sections)

    @property
    def tokens(self) -> int:
        return tokens(self.text)


def least(fixed: Mapping[Section, Sequence[Part]]) -> int:
    """What a context costs that has nothing but what it must have."""
    return sum(_heading(section) + sum(part.cost for part in parts) for section, parts in fixed.items())


def pack(fixed: Mapping[Section, Sequence[Part]], wanted: Mapping[Section, Wanted], *, budget: int) -> Packed:
    """`fixed` stands whatever it costs: check `least` first. Of the rest each section takes parts within its share; then, in the
    same order, what is left over. The text costs no more than `budget`."""
    room = budget - least(fixed)
    sections = {section: Filled(section, list(fixed.get(section, ()))) for section in Section}
    asked = {section: wanted[section] for section in SHARES if section in wanted and wanted[section].parts}
    left = room
    for section, want in asked.items():
        share = min(left, int(room * SHARES[section]))
        left -= _take(sections[section], want, share, has_heading=section in fixed)
    for section, want in asked.items():
        left -= _take(sections[section], want, left, has_heading=bool(sections[section].parts))
        left -= _cut(sections[section], want, left)
    left_out = [each for section, want in asked.items() for each in _missing(sections[section], want)]
    return Packed([each for each in sections.values() if each.parts], left_out)


def _heading(section: Section) -> int:
    return tokens(HEADINGS[section]) + tokens(GAP)


def _take(filled: Filled, want: Wanted, room: int, *, has_heading: bool) -> int:
    """Adds what fits and is not there yet; answers what it costs."""
    spent, here = 0, {part.id for part in filled.parts}
    for part in want.parts:
        if part.id in here:
            continue
        cost = part.cost + (0 if has_heading or spent else _heading(filled.section))
        if spent + cost <= room:
            filled.parts.append(part)
            spent += cost
        elif want.in_order:
            break
    return spent


def _cut(filled: Filled, want: Wanted, room: int) -> int:
    """Adds the beginning of the first that may be cut and has no room."""
    here = {part.id for part in filled.parts}
    part = next((part for part in want.parts if part.may_be_cut and part.id not in here), None)
    if part is None:
        return 0
    heading = 0 if filled.parts else _heading(filled.section)
    words = part.text.split(" ")
    fits, too_many = 0, len(words)
    while fits + 1 < too_many:
        middle = (fits + too_many) // 2
        if _beginning(part, words, middle).cost + heading <= room:
            fits = middle
        else:
            too_many = middle
    if fits == 0:
        return 0
    shown = _beginning(part, words, fits)
    filled.parts.append(shown)
    return shown.cost + heading


def _beginning(part: Part, words: Sequence[str], number: int) -> Part:
    return Part(part.id, " ".join(words[:number]) + CUT, may_be_cut=True)


def _missing(filled: Filled, want: Wanted) -> Iterable[LeftOut]:
    shown = {part.id: part for part in filled.parts}
    for part in want.parts:
        if part.id not in shown:
            yield LeftOut(filled.section, part.id, Reason.BUDGET, part.cost)
        elif shown[part.id] is not part:
            yield LeftOut(filled.section, part.id, Reason.CUT, max(1, part.cost - shown[part.id].cost))
