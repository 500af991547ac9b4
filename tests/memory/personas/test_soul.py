"""A SOUL.md is read strictly, refused with its lines, and hashed by what it says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.kernel.errors import Refused
from memory.limits import (
    DIRECTIVES_MAX,
    FAULTS_MAX,
    FRONT_BYTES_MAX,
    PERSONA_ID_CHARACTERS_MAX,
    SOUL_BYTES_MAX,
    TRAIT_CHARACTERS_MAX,
)
from memory.personas.honesty import contradictions
from memory.personas.soul import Soul, read, written
from tests.architecture.tree import ROOT
from tests.memory.personas.conftest import BODY, soul

FRONT = "id: a\nname: b\nvoice_traits: [c]\ndirectives: [d]"
LINE = (
    st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=60)
    .map(lambda text: " ".join(text.split()))
    .filter(bool)
)


def faults(text: str) -> list[str]:
    with pytest.raises(Refused) as caught:
        read(text)
    assert (caught.value.status, caught.value.code) == (422, "invalid_soul")
    return [each["message"] for each in caught.value.errors]


def plain(old: str = "", new: str = "") -> str:
    """A short SOUL.md with something else in it."""
    return f"---\n{FRONT}\n---\n".replace(old, new)


def test_what_it_says_is_read() -> None:
    found = read(soul())
    assert found.soul == Soul(
        id="harbour-notebook",
        name="The Harbour Notebook",
        voice_traits=("plain", "warm"),
        directives=("Name places and people.",),
        body=BODY,
    )
    assert found.lines == {
        "id": 2,
        "name": 3,
        "voice_traits[1]": 5,
        "voice_traits[2]": 6,
        "directives[1]": 8,
        "body": 10,
    }


@pytest.mark.parametrize(
    "same",
    [
        soul().replace("\n", "\r\n"),
        "\ufeff" + soul(),
        soul().replace("voice_traits:\n  - plain\n  - warm", "voice_traits: [plain, 'warm']"),
        soul().replace("name: The Harbour Notebook", 'name:   "The  Harbour Notebook"  # ours'),
        soul(body="\n\n" + BODY + "\n\n\n"),
        "---\nname: The Harbour Notebook\nid: harbour-notebook\n" + soul().split("\n", 3)[3],
    ],
)
def test_spelling_makes_no_other_version(same: str) -> None:
    assert read(same).soul.sha256 == read(soul()).soul.sha256


@pytest.mark.parametrize("other", [{"name": "Another"}, {"body": BODY + "!"}, {"traits": ("warm", "plain")}])
def test_another_text_is_another_version(other: dict[str, str]) -> None:
    assert read(soul(**other)).soul.sha256 != read(soul()).soul.sha256  # type: ignore[arg-type]


def test_the_hash_is_that_of_the_canonical_json() -> None:
    """As sha256sum says of {"body":"e","directives":["d"],"id":"a","name":"b","voice_traits":["c"]}."""
    said = Soul(id="a", name="b", voice_traits=("c",), directives=("d",), body="e")
    assert said.sha256 == "8ddd21d84924fd913119a8e298d976b87f773849bb0d2caa401602a1b3a81c22"


@given(
    name=LINE,
    traits=st.lists(LINE, min_size=1, max_size=3),
    directives=st.lists(LINE, min_size=1, max_size=3),
    body=st.lists(LINE, max_size=4).map("\n".join),
)
def test_what_is_written_reads_the_same(name: str, traits: list[str], directives: list[str], body: str) -> None:
    made = Soul(id="a", name=name, voice_traits=tuple(traits), directives=tuple(directives), body=body.strip())
    again = read(written(made)).soul
    assert again == made
    assert written(again) == written(made)


@pytest.mark.parametrize("word", ["no", "null", "1.0", "2026-01-01", "0x1f", "~"])
def test_yaml_has_no_types_here(word: str) -> None:
    assert read(soul(name=word)).soul.name == word


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Line 1: There is no front matter"),
        ("I am a text.", "Line 1: There is no front matter"),
        (" ---\nid: a\n---\n", "Line 1: There is no front matter"),
        ("---\nid: a\n", "Line 3: The front matter does not end"),
        ("---\n- a\n---\n", "Line 2: The front matter must be keys"),
        ("---\njust words\n---\n", "Line 2: The front matter must be keys"),
        (f"---\n{FRONT}\nmood: [x]\n---\n", "Line 6: There is no key `mood`; the keys are id, name, voice_traits, directives."),
        (f"---\n{FRONT}\nid: z\n---\n", "Line 6: `id` stands twice."),
        (plain("id: a", "id: Harbour Notebook"), "Line 2: `id` is small letters"),
        (plain("id: a", "id: a--b"), "Line 2: `id` is small letters"),
        (plain("id: a", "id: ../a"), "Line 2: `id` is small letters"),
        (plain("id: a", "id: [a]"), "Line 2: `id` must be a text."),
        (plain("id: a", f"id: {'a' * 65}"), f"Line 2: `id` has 65 characters; {PERSONA_ID_CHARACTERS_MAX} are allowed."),
        (plain("name: b", "name:"), "Line 3: `name` is empty."),
        (plain("[c]", "c"), "Line 4: `voice_traits` must be a list of texts"),
        (plain("[c]", "[]"), "Line 4: `voice_traits` is empty"),
        (plain("[c]", "[c, [d]]"), "Line 4: `voice_traits` must be a list of texts."),
        (plain("[c]", "{tone: dry}"), "Line 4: `voice_traits` must be a list of texts"),
        (soul(directives=("Remember: be kind",)), "Line 8: `directives` must be a list of texts; put one with a colon in quotation marks."),
        (soul(traits=("x" * (TRAIT_CHARACTERS_MAX + 1),)), f"Line 5: `voice_traits` has {TRAIT_CHARACTERS_MAX + 1} characters"),
        (soul(directives=("a",) * (DIRECTIVES_MAX + 1)), f"`directives` has {DIRECTIVES_MAX + 1} entries"),
        (plain("name: b", "name: &x b"), "Line 3: Anchors and aliases"),
        (plain("name: b", "name: *x"), "Line 3: Anchors and aliases"),
        (plain("name: b", "name: !!python/object/apply:os.system [ls]"), "Line 3: Tags"),
        (plain("name: b", "name: 'b"), "This is no YAML"),
        (plain("name: b", "\tname: b"), "Line 3: This is no YAML"),
        (f"---\n{FRONT}\n...\nx: y\n---\n", "Line 7: This is no YAML"),
        (f"---\n{FRONT}\n? [a]\n: b\n---\n", "Line 6: A key must be a word."),
        (soul(name="The Harbour\u202eNotebook"), "Line 3: Has the invisible sign U+202E in place 18; take it out."),
        (soul(body="Be\u200bfore"), "Line 10: Has the invisible sign U+200B"),
        (soul(body="a\x00b"), "Line 10: Has the invisible sign U+0000"),
        (soul(body="a\U000e0041b"), "Line 10: Has the invisible sign U+E0041"),
        ("---\n" + "# x\n" * (FRONT_BYTES_MAX // 4 + 1) + "---\n", f"larger than {FRONT_BYTES_MAX} bytes"),
        ("---\n" + "[" * (FRONT_BYTES_MAX - 10) + "\n---\n", "Line 2: The front matter must be keys"),
        ("---\na: " + "{" * 500 + "\n---\n", "no key `a`"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(text: str, said: str) -> None:
    found = faults(text)
    assert any(said in each for each in found), found


def test_what_is_missing_is_named() -> None:
    keys = ("directives", "id", "name", "voice_traits")
    assert faults("---\n---\n") == [f"Line 2: `{key}` is missing." for key in keys]
    assert faults(plain("name: b\n")) == ["Line 5: `name` is missing."]


def test_all_faults_are_told_at_once_up_to_a_number() -> None:
    assert len(faults(soul(id="Bad Id").replace("name: The Harbour Notebook", "mood: x"))) == 3
    assert len(faults("---\n" + "".join(f"k{n}: x\n" for n in range(100)) + "---\n")) == FAULTS_MAX


def test_joiners_of_scripts_and_emoji_stay() -> None:
    assert read(soul(body="می\u200cخواهم 👩\u200d🔧")).soul.body == "می\u200cخواهم 👩\u200d🔧"


def test_a_body_may_be_empty_and_may_have_rules() -> None:
    assert read(soul(body="")).soul.body == ""
    assert read(soul(body="one\n---\ntwo")).soul.body == "one\n---\ntwo"


def test_the_examples_soul_is_one_and_honest() -> None:
    found = read((ROOT / "examples/harbour-launch/SOUL.md").read_text())
    assert found.soul.id == "harbour-notebook"
    assert contradictions(found.soul.texts(), found.lines) == []


def test_a_book_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        read(soul(body="x" * SOUL_BYTES_MAX))
    assert (caught.value.status, caught.value.code) == (413, "too_large")
