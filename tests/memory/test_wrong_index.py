"""An index that answers wrongly: what it proposes is judged by PostgreSQL, which answers itself when most of it does not stand."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from memory import stores
from memory.stores import Wanted
from tests.cast import Stage
from tests.memory.conftest import Remember, texts


def says(monkeypatch: pytest.MonkeyPatch, found: Sequence[str], unheard: Sequence[str] = ()) -> None:
    """The index answers these ids, whatever is asked."""

    def propose(wanted: Wanted) -> tuple[list[UUID], list[UUID]]:
        return [UUID(key) for key in found], [UUID(key) for key in unheard]

    monkeypatch.setattr(stores, "is_configured", lambda: True)
    monkeypatch.setattr(stores.proposing, "propose", propose)


@pytest.fixture
def known(acme: Stage, zenith: Stage, remember: Remember, settle: Any) -> dict[str, str]:
    made = {
        "ferry": remember(acme.ada, "The ferry leaves at eight.")["id"],
        "harbour": remember(acme.ada, "The harbour is deep.")["id"],
        "theirs": remember(zenith.ada, "The ferry of Zenith leaves at nine.")["id"],
        "private": remember(acme.bob, "The ferry captain snores.", visibility="agent")["id"],
        "forgotten": remember(acme.ada, "The ferry leaves at ten.")["id"],
    }
    acme.otto.post(f"memories/{made['forgotten']}/forget", {"reason": "wrong"}).ok()
    settle()
    return made


def searched(acme: Stage) -> Any:
    return acme.ada.post("memories/search", {"query": "ferry"}).ok()


def test_what_may_not_be_found_is_not_however_often_it_is_proposed(
    acme: Stage, known: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = "0199aaaa-0000-7000-8000-000000000000"
    says(monkeypatch, [known["theirs"], known["private"], known["forgotten"], nobody])
    answer = searched(acme)
    assert {h["memory"]["id"] for h in answer["results"]} == {known["ferry"], known["harbour"]}
    assert (answer["index"]["asked"], answer["index"]["answered"]) == ("weaviate", "postgresql")
    assert answer["index"]["fallback"].startswith("Of 4 memories that the index found, 0 may be found")


def test_an_index_that_errs_a_little_is_believed(
    acme: Stage, known: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    says(monkeypatch, [known["ferry"], known["forgotten"]])
    answer = searched(acme)
    assert texts(answer["results"]) == ["The ferry leaves at eight."]
    assert answer["index"] == {"asked": "weaviate", "answered": "weaviate", "fallback": ""}


def test_an_index_that_finds_what_has_nothing_of_the_question_is_wrong(
    acme: Stage, known: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks may see it, and is not told that nothing was found."""
    says(monkeypatch, [known["harbour"]])
    answer = acme.ada.post("memories/search", {"query": "ferry", "mode": "keyword"}).ok()
    assert texts(answer["results"]) == ["The ferry leaves at eight."]
    assert answer["index"]["fallback"].startswith("Of 1 memories that the index found, 0 may be found")


def test_what_has_no_vector_is_not_found_by_meaning_alone(
    acme: Stage, known: dict[str, str], remember: Remember, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index has not heard of it yet, and no embedder has."""
    fresh = remember(acme.ada, "The ferry has a new captain.")["id"]
    says(monkeypatch, [known["ferry"]], unheard=[fresh])
    by_meaning = acme.ada.post("memories/search", {"query": "ferry", "mode": "vector"}).ok()
    assert {h["memory"]["id"] for h in by_meaning["results"]} == {known["ferry"]}
    assert {h["memory"]["id"] for h in searched(acme)["results"]} == {known["ferry"], fresh}


def test_what_the_index_has_not_heard_of_does_not_count_against_it(
    acme: Stage, known: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    says(monkeypatch, [known["ferry"]], unheard=[known["forgotten"], known["private"], known["theirs"]])
    answer = searched(acme)
    assert texts(answer["results"]) == ["The ferry leaves at eight."]
    assert answer["index"]["fallback"] == ""


def test_one_that_has_lost_everything_is_not_believed(
    acme: Stage, known: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    says(monkeypatch, [])
    answer = searched(acme)
    assert {h["memory"]["id"] for h in answer["results"]} == {known["ferry"], known["harbour"]}
    assert answer["index"]["answered"] == "postgresql"
    assert answer["index"]["fallback"].startswith("The index found nothing where there is something")


def test_one_that_finds_nothing_where_there_is_nothing_is_believed(
    acme: Stage, monkeypatch: pytest.MonkeyPatch, remember: Remember
) -> None:
    late = remember(acme.ada, "The ferry leaves at eight.")["id"]
    for unheard, found in (([], ["The ferry leaves at eight."]), ([late], ["The ferry leaves at eight."])):
        says(monkeypatch, [], unheard)
        answer = searched(acme)
        assert texts(answer["results"]) == found
        assert answer["index"]["answered"] == ("weaviate" if unheard else "postgresql")
    says(monkeypatch, [])
    answer = acme.ada.post("memories/search", {"query": "zeppelin", "mode": "keyword"}).ok()
    assert (answer["results"], answer["index"]["answered"]) == ([], "weaviate")
