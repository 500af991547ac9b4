"""Scores are sums that anybody can recompute."""

from dataclasses import astuple
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from memory import ranking
from memory.ranking import WEIGHTS, Mode, Parts


@pytest.mark.parametrize("mode", list(Mode))
def test_the_weights_of_every_mode_add_up_to_one(mode: Mode) -> None:
    assert sum(astuple(WEIGHTS[mode])) == pytest.approx(1.0)


@pytest.mark.parametrize("mode", list(Mode))
def test_a_score_is_the_weighted_sum_of_its_parts(mode: Mode) -> None:
    found = Parts(vector=0.8, keyword=0.5, recency=0.25, importance=1.0)
    weights = WEIGHTS[mode]
    by_hand = 0.8 * weights.vector + 0.5 * weights.keyword + 0.25 * weights.recency + 1.0 * weights.importance
    assert ranking.score(found, mode) == pytest.approx(by_hand)


def test_a_perfect_memory_scores_one_and_a_worthless_one_zero() -> None:
    for mode in Mode:
        assert ranking.score(Parts(1, 1, 1, 1), mode) == 1.0
        assert ranking.score(Parts(0, 0, 0, 0), mode) == 0.0


def test_vectors_do_not_count_in_a_keyword_search_nor_words_in_a_vector_search() -> None:
    assert ranking.score(Parts(1, 0, 0, 0), Mode.KEYWORD) == 0.0
    assert ranking.score(Parts(0, 1, 0, 0), Mode.VECTOR) == 0.0


def test_recency_fades_by_half_a_percent_an_hour() -> None:
    assert ranking.recency(0) == 1.0
    assert ranking.recency(1) == pytest.approx(0.995)
    assert ranking.recency(7 * 24) == pytest.approx(0.43, abs=0.005)
    assert ranking.recency(36_500 * 24) == pytest.approx(0.0)


def test_a_memory_from_after_the_time_asked_about_is_new_not_newer_than_new() -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    assert ranking.age(created_at=at + timedelta(days=3), at=at) == timedelta(0)


def test_parts_stay_between_zero_and_one() -> None:
    opposite = ranking.parts(similarity=-0.4, coverage=1.2, hours=-1, importance=Decimal("0.7"))
    assert opposite == Parts(vector=0.0, keyword=1.0, recency=1.0, importance=0.7)
    nearest = ranking.parts(similarity=0.8, best=0.8, coverage=0.5, hours=0, importance=Decimal(0))
    assert (nearest.vector, nearest.keyword) == (1.0, 0.125)
    half = ranking.parts(similarity=0.4, best=0.8, coverage=-1, hours=0, importance=Decimal(0))
    assert (half.vector, half.keyword) == (0.5, 0.0)


def test_the_best_of_strangers_is_not_near() -> None:
    stranger = ranking.parts(similarity=0.1, best=0.1, coverage=0, hours=0, importance=Decimal(0))
    assert stranger.vector == 0.25


def test_the_fewer_have_a_word_the_more_it_weighs() -> None:
    weights = ranking.word_weights(("rare", "common", "unheard"), counted={"rare": 1, "common": 10}, among=10)
    assert weights["unheard"] > weights["rare"] > weights["common"] > 0
    assert ranking.share(("rare", "common", "unheard"), weights) == pytest.approx(1.0)
    assert ranking.share((), weights) == 0
    assert ranking.share((), {}) == 0


def test_a_memory_without_a_vector_counts_no_similarity() -> None:
    assert ranking.parts(similarity=None, coverage=0, hours=0, importance=Decimal(0)).vector == 0.0
