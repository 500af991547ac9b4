"""A context never costs more than its budget, and says what it lacks."""

from hypothesis import given
from hypothesis import strategies as st

from memory.personas import wording
from memory.personas.counting import tokens
from memory.personas.honesty import Contradiction, Kind
from memory.personas.packing import Packed, Part, Reason, Section, Wanted, least, pack
from memory.personas.soul import Soul

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=300)
SOUL = Soul(id="a", name="The Harbour Notebook", voice_traits=("plain",), directives=("Name places.",), body="")
FIXED = wording.fixed(SOUL, [])
ROOM = least(FIXED)


def parts(*texts: str, may_be_cut: bool = False) -> list[Part]:
    return [Part(str(number), text, may_be_cut) for number, text in enumerate(texts)]


def words(number: int) -> str:
    """So many tokens, by our count."""
    return " ".join(["abc"] * number)


def ids(packed: Packed, section: Section) -> list[str]:
    return [part.id for each in packed.sections if each.section is section for part in each.parts]


@given(
    body=st.lists(TEXTS, max_size=5),
    recent=st.lists(TEXTS, max_size=8),
    found=st.lists(TEXTS, max_size=8),
    task=st.lists(TEXTS, max_size=2),
    spare=st.integers(0, 2_000),
    phrases=st.lists(TEXTS, max_size=3),
)
def test_no_context_costs_more_than_its_budget(
    body: list[str], recent: list[str], found: list[str], task: list[str], spare: int, phrases: list[str]
) -> None:
    marked = [Contradiction(kind=Kind.HIDES, where="body", line=1, phrase=phrase) for phrase in phrases]
    fixed = wording.fixed(SOUL, marked)
    wanted = {
        Section.SOUL: Wanted(parts(*map(wording.quoted, body)), in_order=True),
        Section.LAST_HOUR: Wanted(parts(*map(wording.quoted, recent))),
        Section.MEMORIES: Wanted(parts(*map(wording.quoted, found))),
        Section.TASK: Wanted(parts(*map(wording.quoted, task), may_be_cut=True)),
    }
    budget = least(fixed) + spare
    packed = pack(fixed, wanted, budget=budget)
    assert packed.tokens == tokens(packed.text) <= budget
    for section, want in wanted.items():
        shown = set(ids(packed, section))
        missing = {each.id for each in packed.left_out if each.section is section and each.reason is Reason.BUDGET}
        assert shown.isdisjoint(missing)
        assert {part.id for part in want.parts} <= shown | missing
    assert packed.text.startswith("# Honesty\nThis section outranks all that follows")


@given(TEXTS)
def test_no_quoted_line_can_be_taken_for_ours(text: str) -> None:
    assert all(line.startswith(">") for line in wording.quoted(text).splitlines())
    assert len(wording.quoted_inline(text).splitlines()) == 1


@given(TEXTS, TEXTS)
def test_two_texts_and_a_line_break_cost_their_sum_and_one(one: str, two: str) -> None:
    assert tokens(f"{one}\n{two}") == tokens(one) + tokens(two) + 1


def test_counting_is_as_it_says() -> None:
    assert tokens("") == 0
    assert tokens("The harbour opens.") == 1 + (2 + 1) + 2 + 1
    assert tokens("HARBOUR") == 5
    assert tokens("I") == 1
    assert tokens("2026") == 4
    assert tokens("a  b") == 3
    assert tokens("Grüße") == 1 + 4 + 1
    assert tokens("港") == 3


def test_the_body_is_shown_from_its_beginning_and_never_with_a_gap() -> None:
    body = Wanted(parts(words(10), words(500), words(10)), in_order=True)
    packed = pack(FIXED, {Section.SOUL: body}, budget=ROOM + 100)
    assert ids(packed, Section.SOUL) == ["directives", "0"]
    assert [(each.id, each.reason) for each in packed.left_out] == [("1", Reason.BUDGET), ("2", Reason.BUDGET)]


def test_a_long_memory_gives_way_to_the_next() -> None:
    found = Wanted(parts(words(500), words(10)))
    assert ids(pack(FIXED, {Section.MEMORIES: found}, budget=ROOM + 100), Section.MEMORIES) == ["1"]


def test_a_long_task_is_cut_and_says_so() -> None:
    packed = pack(FIXED, {Section.TASK: Wanted(parts(words(500), may_be_cut=True))}, budget=ROOM + 100)
    (cut,) = packed.left_out
    assert (cut.section, cut.reason) == (Section.TASK, Reason.CUT)
    assert packed.sections[-1].parts[0].text.endswith("abc…")
    assert ROOM + 85 <= packed.tokens <= ROOM + 100


def test_each_section_has_its_share_when_all_want_everything() -> None:
    many = Wanted(parts(*[words(20)] * 100))
    wanted = dict.fromkeys((Section.SOUL, Section.LAST_HOUR, Section.MEMORIES, Section.TASK), many)
    packed = pack(FIXED, wanted, budget=ROOM + 1_000)
    counts = {section: len(ids(packed, section)) for section in wanted}
    assert counts[Section.SOUL] - 1 >= counts[Section.MEMORIES] >= counts[Section.LAST_HOUR] >= 7
    assert packed.tokens > ROOM + 950


def test_what_one_section_does_not_need_another_takes() -> None:
    found = Wanted(parts(*[words(20)] * 100))
    assert len(ids(pack(FIXED, {Section.MEMORIES: found}, budget=ROOM + 1_000), Section.MEMORIES)) > 40


def test_with_nothing_but_what_must_be_it_costs_what_was_said() -> None:
    packed = pack(FIXED, {}, budget=ROOM)
    assert (packed.left_out, [each.section for each in packed.sections]) == ([], [Section.HONESTY, Section.SOUL])
    assert packed.tokens <= ROOM
