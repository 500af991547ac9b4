from pathlib import Path

import pytest

from chimera.campaign import brief as briefs
from chimera.campaign.brief import PAYLOAD_BYTES_MAX, BriefRefused
from tests.examples import harbour

BRIEF = """
name = "Bakery"
goal = "Sell bread."
topics = ["bread"]
[platforms.x]
length = 280
posts = 2
[money]
render_usd = "0.04"
daily_usd = "0.10"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "bread.md").write_text("Bread is baked at four in the morning.")
    (tmp_path / "brief.toml").write_text(BRIEF)
    return tmp_path


def problems(folder: Path) -> str:
    with pytest.raises(BriefRefused) as refused:
        briefs.read(folder)
    return str(refused.value)


def change(folder: Path, old: str, new: str) -> Path:
    (folder / "brief.toml").write_text(BRIEF.replace(old, new))
    return folder


def test_a_small_brief_is_enough(folder):
    read = briefs.read(folder)
    assert (read.name, read.slug, read.posts, read.texts[0].file) == ("Bakery", "bakery", 2, "bread.md")
    assert read.plans() == [
        {
            "brief": read.shared(),
            "texts": [{"file": "bread.md", "text": "Bread is baked at four in the morning."}],
            "part": 1,
            "parts": 1,
        }
    ]


def test_money_reaches_the_agents_as_text(folder):
    assert briefs.read(folder).shared()["render_usd"] == "0.04"


def test_a_missing_folder_and_a_missing_file_are_named(folder, tmp_path):
    assert "is no folder" in problems(tmp_path / "nowhere")
    (folder / "brief.toml").unlink()
    assert "brief.toml is missing" in problems(folder)


def test_a_folder_without_texts_is_refused(folder):
    (folder / "texts" / "bread.md").unlink()
    assert "holds no .md or .txt file" in problems(folder)


def test_an_empty_text_is_refused_by_name(folder):
    (folder / "texts" / "void.txt").write_text(" \n")
    assert "texts/void.txt: is empty." in problems(folder)


def test_an_oversize_text_is_refused_by_name(folder):
    (folder / "texts" / "long.md").write_text("x" * (PAYLOAD_BYTES_MAX + 1))
    assert "texts/long.md: 256 KiB; one task takes 256 KiB" in problems(folder)


def test_a_text_that_fits_alone_but_not_with_the_brief_is_refused_too(folder):
    (folder / "texts" / "long.md").write_text("x" * (PAYLOAD_BYTES_MAX - 100))
    assert "texts/long.md: larger, with the brief" in problems(folder)


def test_bytes_that_are_no_text_are_refused(folder):
    (folder / "texts" / "picture.txt").write_bytes(b"\xff\xfe\x00\x01")
    (folder / "texts" / "nul.txt").write_text("a\x00b")
    said = problems(folder)
    assert "texts/picture.txt: is not UTF-8 text." in said
    assert "texts/nul.txt: contains a NUL character" in said


def test_many_texts_travel_in_several_plans(folder):
    for number in range(5):
        (folder / "texts" / f"t{number}.md").write_text("y" * 100_000)
    plans = briefs.read(folder).plans()
    assert [plan["part"] for plan in plans] == [1, 2, 3]
    assert {plan["parts"] for plan in plans} == {3}
    assert sum(len(plan["texts"]) for plan in plans) == 6


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('name = "Bakery"', "", "brief.toml: name is missing."),
        ('goal = "Sell bread."', 'goal = " "', "brief.toml: goal must be a text that says something."),
        ('topics = ["bread"]', "topics = []", "brief.toml: topics must have 1 to 50 entries; it has 0."),
        ('topics = ["bread"]', "topics = [1]", "brief.toml: topics must be a list of texts"),
        ("posts = 2", "posts = 0", "brief.toml [platforms] [x]: posts must be a whole number from 1 to 500, not 0."),
        ("length = 280", 'length = "280"', "length must be a whole number from 40 to 20000, not '280'."),
        ('daily_usd = "0.10"', "daily_usd = 0.10", "daily_usd must be US dollars as a text with at most six decimals"),
        ('daily_usd = "0.10"', 'daily_usd = "NaN"', "daily_usd must be US dollars"),
        ('daily_usd = "0.10"', 'daily_usd = "-1"', "daily_usd must be US dollars"),
        ('daily_usd = "0.10"', "", "daily_usd is missing"),
        ("[money]", "[cash]", "there is no setting called cash"),
        ("posts = 2", "posts = 2\ncolour = 1", "brief.toml [platforms] [x]: there is no setting called colour"),
        ("[platforms.x]\nlength = 280\nposts = 2\n", "", "platforms: name at least one"),
        ("posts = 2", "posts = 500\n[platforms.y]\nlength = 100\nposts = 1", "501 posts; at most 500"),
        ('name = "Bakery"', "name = ", "is not TOML"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(folder, old, new, said):
    assert said in problems(change(folder, old, new))


def test_everything_that_is_wrong_is_said_at_once(folder):
    change(folder, 'goal = "Sell bread."', "goal = 1")
    (folder / "texts" / "void.txt").write_text("")
    assert problems(folder).count("\n") == 1


def test_the_harbour_brief_is_whole():
    brief = harbour.brief()
    assert len(brief.texts) == 10
    assert len(brief.plans()) == 1
    assert all(700 <= len(text.text.split()) <= 1500 for text in brief.texts)
