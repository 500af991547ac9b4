"""Scores are sums that anybody can recompute."""

import math
from dataclasses import astuple
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

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


def _in_sql(expression: str, **columns: float | None) -> float:
    values = ", ".join(f"%s::float8 AS {name}" for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {expression} FROM (SELECT {values}) given", [*columns.values()])
        return float(cursor.fetchone()[0])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("similarity", "best", "part"),
    [
        (0.8, 0.8, 1.0),
        (0.4, 0.8, 0.5),
        (-0.4, 0.8, 0.0),
        (None, 0.8, 0.0),  # without a vector
        (None, None, 0.0),  # nothing has one
        (0.1, 0.1, 0.25),  # the best of strangers is not near
        (-0.2, -0.1, 0.0),
    ],
)
def test_the_vector_part_is_beside_the_best_one_or_beside_what_is_near(
    similarity: float | None, best: float | None, part: float
) -> None:
    assert _in_sql(ranking.VECTOR, similarity=similarity, best=best) == pytest.approx(part)


@pytest.mark.django_db
def test_half_of_the_words_is_an_eighth_of_the_part_and_all_of_them_no_more_than_all() -> None:
    assert [_in_sql(ranking.KEYWORD, share=share) for share in (0.0, 0.5, 1.0, 1.0 + 1e-12)] == [0.0, 0.125, 1.0, 1.0]


@pytest.mark.django_db
@pytest.mark.parametrize("hours", [-1.0, 0.0, 1.0, 7 * 24.0, 20 * 365 * 24.0, 1e9])
def test_recency_is_the_same_wherever_it_is_reckoned(hours: float) -> None:
    """Also of what is so old that a float cannot tell."""
    assert _in_sql(ranking.RECENCY, hours=hours) == pytest.approx(ranking.recency(hours))


@pytest.mark.django_db
def test_the_fewer_have_a_word_the_more_it_weighs() -> None:
    weights = [_in_sql(ranking.WORD_WEIGHT, among=10, having_it=number) for number in (0, 1, 10)]
    assert weights == pytest.approx([math.log(22), math.log(1 + 9.5 / 1.5), math.log(1 + 0.5 / 10.5)])


@pytest.mark.django_db
@pytest.mark.parametrize("mode", list(Mode))
def test_candidates_are_chosen_by_the_score_that_they_say(mode: Mode) -> None:
    found = Parts(vector=0.8, keyword=0.5, recency=0.25, importance=0.1)
    assert _in_sql(ranking.total(mode), **found._asdict()) == pytest.approx(ranking.score(found, mode))
