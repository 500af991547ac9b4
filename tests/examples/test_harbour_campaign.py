"""The harbour campaign as a whole: what it is calibrated to show."""

from decimal import Decimal

import pytest

from chimera.flows.recognise_topics import recognise
from examples.agents import researcher
from safety import triggers
from tests.examples import harbour


@pytest.fixture(scope="module")
def made():
    return harbour.posts()


def test_every_text_has_something_to_tell():
    per_file = {text.file: sum(f.file == text.file for f in harbour.findings()) for text in harbour.brief().texts}
    assert len(per_file) == 10
    assert min(per_file.values()) >= 8


def test_every_finding_stands_word_for_word_in_its_text():
    texts = {text.file: " ".join(text.text.replace("**", "").split()) for text in harbour.brief().texts}
    assert [f for f in harbour.findings() if f.quote not in texts[f.file]] == []


def test_every_post_fits_its_platform_and_cites_its_sources(made):
    assert len(made) == harbour.brief().posts == 12
    for order, post, _ in made:
        assert len(post["text"]) <= order["length"]
        assert post["sources"]
        for source in post["sources"]:
            assert source["quote"] in post["text"]


def test_no_post_uses_a_word_to_avoid(made):
    texts = " ".join(post["text"] for _, post, _ in made).lower()
    assert [word for word in harbour.brief().persona.avoid if word in texts] == []


def test_some_posts_pass_and_some_are_doubtful_and_none_is_hopeless(made):
    verdicts = [scored.verdict for _, _, scored in made]
    assert verdicts.count("pass") >= 4
    assert verdicts.count("uncertain") >= 2
    assert verdicts.count("fail") == 0


def test_advice_about_health_and_money_goes_to_a_human_whatever_the_score(made):
    touched = {one.topic for _, post, _ in made for one in recognise(triggers.readable(post))}
    assert {"health_advice", "financial_advice"} <= touched


def test_plain_posts_touch_no_sensitive_topic(made):
    clean = [post["topic"] for _, post, _ in made if not recognise(triggers.readable(post))]
    assert len(clean) >= 8


def test_no_report_of_a_reader_waits_for_a_human():
    """All posts wait for the last of them."""
    reports = [
        researcher.report(text.file, [found for found in harbour.findings() if found.file == text.file])
        for text in harbour.brief().texts
    ]
    assert [report["file"] for report in reports if recognise(triggers.readable(report))] == []


def test_the_day_pays_for_all_posts_but_one():
    brief = harbour.brief()
    affordable = int(brief.daily_usd // brief.render_usd)
    assert affordable == brief.posts - 1
    assert brief.daily_usd - affordable * brief.render_usd < Decimal("0.04")
