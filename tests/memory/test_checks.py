"""What an agent was shown of memory is frozen with the task that it works on."""

from typing import Any
from uuid import UUID

import pytest

from chimera.kernel import clock
from chimera.kernel.eventlog import Event
from memory.limits import CHECKS_MAX, FROZEN_CHARACTERS_MAX
from memory.models import MemoryCheck
from memory.queries import frozen_and_since, frozen_for, frozen_for_all
from swarm.models import Task
from tests.cast import Caller, Stage
from tests.memory.conftest import Remember

UNKNOWN = "0199aaaa-0000-7000-8000-000000000000"


@pytest.fixture
def claims(acme: Stage, remember: Remember, settle: Any) -> list[dict[str, Any]]:
    """Two tasks that Ada holds, and two memories, embedded."""
    remember(
        acme.pia, "The harbour opens on the third of May.", category="semantic", source={"file": "a.txt", "sentence": 1}
    )
    remember(acme.pia, "Ferry tickets cost four euros.")
    session = acme.session()
    for _ in range(2):
        acme.task(session)
    settle()
    return acme.ada.claim(2)


def check(who: Caller, claim: dict[str, Any], query: str = "harbour", **more: Any) -> Any:
    """A search that shows the claim's lease token."""
    shown = {"task": claim["task"]["id"], "lease_token": claim["lease_token"]}
    return who.post("memories/search", {"query": query, **shown, **more})


def frozen(acme: Stage, claim: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    with acme.bound():
        return frozen_for(UUID(claim["task"]["id"]), **more)


def test_what_was_found_is_frozen_as_it_was_shown(acme: Stage, claims: list[dict[str, Any]]) -> None:
    answer = check(acme.ada, claims[0]).ok()
    assert answer["task"] == claims[0]["task"]["id"]
    kept = frozen(acme, claims[0])
    assert [(m["id"], m["score"], m["parts"]) for m in kept] == [
        (hit["memory"]["id"], hit["score"], hit["parts"]) for hit in answer["results"]
    ]
    best = kept[0]
    assert best["content"] == "The harbour opens on the third of May."
    assert (best["category"], best["source"], best["cut"]) == ("semantic", {"file": "a.txt", "sentence": 1}, False)
    assert (best["attempt"], best["query"]) == (1, "harbour")
    assert frozen(acme, claims[1]) == []


def test_no_lease_token_is_shown_to_whoever_reviews(acme: Stage, claims: list[dict[str, Any]]) -> None:
    check(acme.ada, claims[0]).ok()
    assert claims[0]["lease_token"] not in str(frozen(acme, claims[0]))


def test_a_card_shows_the_memories_that_were_used(acme: Stage, claims: list[dict[str, Any]]) -> None:
    found = check(acme.ada, claims[0]).ok()["results"]
    card = acme.ada.finish(claims[0], confidence=0.8).ok()["review"]
    shown = acme.rita.get(f"reviews/{card}").ok()["memories"]
    assert [m["id"] for m in shown] == [hit["memory"]["id"] for hit in found]


def test_forgetting_later_does_not_change_what_was_seen(acme: Stage, claims: list[dict[str, Any]]) -> None:
    seen = check(acme.ada, claims[0]).ok()["results"]
    for hit in seen:
        acme.otto.post(f"memories/{hit['memory']['id']}/forget", {"reason": "wrong"}).ok()
    assert [m["content"] for m in frozen(acme, claims[0])] == [hit["memory"]["content"] for hit in seen]


def test_nothing_is_frozen_with_a_task_that_is_not_named(acme: Stage, claims: list[dict[str, Any]]) -> None:
    assert acme.ada.post("memories/search", {"query": "harbour"}).ok()["task"] is None
    acme.ada.finish(claims[1]).ok()
    assert acme.ada.post("memories/search", {"query": "harbour"}).ok()["task"] is None, "with just one task neither"
    with acme.bound():
        assert not MemoryCheck.objects.exists()


def test_evidence_needs_the_lease_token(acme: Stage, claims: list[dict[str, Any]]) -> None:
    """A restarted agent that only knows its task's id might write into the evidence of another attempt."""
    for token in ({}, {"lease_token": None}):
        body = {"query": "harbour", "task": claims[0]["task"]["id"], **token}
        said = acme.ada.post("memories/search", body).refused(422, "invalid")
        assert said["errors"][0]["field"] == "lease_token"
    with acme.bound():
        assert not MemoryCheck.objects.exists()


def test_who_holds_no_task_searches_freely(acme: Stage, claims: list[dict[str, Any]]) -> None:
    for who in (acme.bob, acme.otto):
        assert who.post("memories/search", {"query": "harbour"}).ok()["task"] is None


def test_a_search_that_finds_nothing_is_kept_as_one(acme: Stage, claims: list[dict[str, Any]]) -> None:
    check(acme.ada, claims[0], "zeppelin", mode="keyword").ok()
    with acme.bound():
        kept = MemoryCheck.objects.get()
        assert (kept.query, kept.mode, kept.memories) == ("zeppelin", "keyword", [])


def test_somebody_elses_task_is_refused(acme: Stage, claims: list[dict[str, Any]]) -> None:
    check(acme.bob, claims[0]).refused(409, "stale_lease")
    with acme.bound():
        assert not MemoryCheck.objects.exists()


def test_another_lease_token_is_refused(acme: Stage, claims: list[dict[str, Any]]) -> None:
    check(acme.ada, claims[0], lease_token=claims[1]["lease_token"]).refused(409, "stale_lease")


def test_a_finished_task_is_refused(acme: Stage, claims: list[dict[str, Any]]) -> None:
    acme.ada.finish(claims[0]).ok()
    check(acme.ada, claims[0]).refused(409, "stale_lease")


def test_a_lapsed_lease_freezes_nothing(acme: Stage, claims: list[dict[str, Any]]) -> None:
    acme.ada.finish(claims[1]).ok()
    with acme.bound():
        Task.objects.filter(pk=claims[0]["task"]["id"]).update(lease_expires_at=clock.now())
    check(acme.ada, claims[0]).refused(409, "stale_lease")


def test_a_task_that_does_not_exist_or_is_another_tenants_is_refused(
    acme: Stage, zenith: Stage, claims: list[dict[str, Any]]
) -> None:
    check(acme.ada, claims[0], task=UNKNOWN).refused(404, "not_found")
    check(zenith.ada, claims[0]).refused(404, "not_found")


def test_people_check_memory_for_no_task(acme: Stage, claims: list[dict[str, Any]]) -> None:
    check(acme.boss, claims[0]).refused(422, "invalid")


def test_a_lease_token_needs_its_task(acme: Stage, claims: list[dict[str, Any]]) -> None:
    body = {"query": "x", "lease_token": claims[0]["lease_token"]}
    acme.ada.post("memories/search", body).refused(422, "invalid")


def test_a_repeated_call_is_one_check(acme: Stage, claims: list[dict[str, Any]]) -> None:
    body = {"query": "harbour", "task": claims[0]["task"]["id"], "lease_token": claims[0]["lease_token"]}
    first = acme.ada.post("memories/search", body, Idempotency_Key="k").ok()
    assert acme.ada.post("memories/search", body, Idempotency_Key="k").ok().body == first.body
    with acme.bound():
        assert MemoryCheck.objects.count() == 1


def test_each_memory_stands_once_with_its_best_score(acme: Stage, claims: list[dict[str, Any]]) -> None:
    check(acme.ada, claims[0], "ferry or harbour").ok()
    for query in ("ferry tickets cost four euros", "harbour opens on the third of May"):
        check(acme.ada, claims[0], query).ok()
    kept = frozen(acme, claims[0])
    assert {(m["content"].split()[0], m["query"]) for m in kept} == {
        ("Ferry", "ferry tickets cost four euros"),
        ("The", "harbour opens on the third of May"),
    }
    assert kept == sorted(kept, key=lambda m: -m["score"])


def became(acme: Stage, claim: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By their words, what was frozen for a task's only check, with what became of it."""
    with acme.bound():
        return {m["content"]: m for m in frozen_and_since(UUID(claim["task"]["id"]))}


HARBOUR, FERRY = "The harbour opens on the third of May.", "Ferry tickets cost four euros."


def test_a_copy_has_the_version_and_what_found_it(acme: Stage, claims: list[dict[str, Any]]) -> None:
    check(acme.ada, claims[0]).ok()
    for kept in frozen(acme, claims[0]):
        assert (kept["version"], kept["index"], kept["embedding_model"]) == (1, "postgresql", "usem3")
        assert kept["similarity"] is not None


def test_what_stands_as_it_was_says_nothing_of_a_change(acme: Stage, claims: list[dict[str, Any]]) -> None:
    check(acme.ada, claims[0]).ok()
    for kept in became(acme, claims[0]).values():
        assert (kept["changed"], kept["version_now"], kept["now"]) == (None, 1, None)


def test_what_changed_since_is_said_with_what_it_says_now(acme: Stage, claims: list[dict[str, Any]]) -> None:
    found = {m["memory"]["content"]: m["memory"] for m in check(acme.ada, claims[0]).ok()["results"]}
    first = acme.otto.post(f"memories/{found[HARBOUR]['id']}/supersede", {"content": "It opens on the fourth."}).ok(201)
    acme.otto.post(f"memories/{first['id']}/supersede", {"content": "It opens on the fifth."}).ok(201)
    acme.otto.post(f"memories/{found[FERRY]['id']}/forget", {"reason": "wrong"}).ok()
    since = became(acme, claims[0])
    assert (since[HARBOUR]["changed"], since[HARBOUR]["now"]) == ("superseded", "It opens on the fifth.")
    assert (since[FERRY]["changed"], since[FERRY]["now"]) == ("forgotten", None)
    card = acme.ada.finish(claims[0], confidence=0.8).ok()["review"]
    shown = {m["content"]: m for m in acme.rita.get(f"reviews/{card}").ok()["memories"]}
    assert {words: m["changed"] for words, m in shown.items()} == {HARBOUR: "superseded", FERRY: "forgotten"}
    assert shown[HARBOUR]["now"] == "It opens on the fifth."


def test_what_took_its_place_is_not_quoted_once_it_is_forgotten(acme: Stage, claims: list[dict[str, Any]]) -> None:
    found = {m["memory"]["content"]: m["memory"] for m in check(acme.ada, claims[0]).ok()["results"]}
    heir = acme.otto.post(f"memories/{found[HARBOUR]['id']}/supersede", {"content": "Ann opens the harbour."}).ok(201)
    acme.otto.post(f"memories/{heir['id']}/forget", {"reason": "names a person"}).ok()
    since = became(acme, claims[0])[HARBOUR]
    assert (since["changed"], since["now"], since["now_id"]) == ("superseded", None, heir["id"])
    assert since["now_forgotten_at"] is not None


def test_what_was_superseded_before_it_was_found_has_not_changed_since(
    acme: Stage, claims: list[dict[str, Any]]
) -> None:
    (old,) = (m for m in acme.pia.get("memories").ok()["results"] if m["content"] == HARBOUR)
    before = clock.now().isoformat()
    acme.otto.post(f"memories/{old['id']}/supersede", {"content": "It opens on the fourth."}).ok(201)
    (hit, *_) = check(acme.ada, claims[0], "harbour", as_of=before).ok()["results"]
    assert hit["memory"]["content"] == HARBOUR
    assert [note["code"] for note in hit["notes"]] == ["superseded"]
    since = became(acme, claims[0])[HARBOUR]
    assert (since["changed"], since["version"]) == (None, 2)
    assert since["superseded_at"] is not None


def test_a_check_is_told_with_ids_versions_and_scores_and_no_text(
    acme: Stage, claims: list[dict[str, Any]], remember: Remember, settle: Any
) -> None:
    secret = remember(acme.ada, "The harbour master snores.", visibility="agent")["id"]
    answer = check(acme.ada, claims[0], "harbour").ok()
    settle()
    session = claims[0]["task"]["session"]
    events = acme.otto.get(f"sessions/{session}/events").ok()["results"]
    (told,) = (e for e in events if e["type"] == "memory.check.frozen.v1")
    assert told["task"] == claims[0]["task"]["id"]
    assert told["actor"].startswith("agent:")
    payload = told["payload"]
    assert (payload["mode"], payload["index"], payload["embedding_model"]) == ("hybrid", "postgresql", "usem3")
    assert [(m["id"], m["version"], m["score"]) for m in payload["memories"]] == [
        (hit["memory"]["id"], 1, hit["score"]) for hit in answer["results"]
    ]
    assert secret in {m["id"] for m in payload["memories"]}
    for text in ("snores", "harbour", "Ferry"):
        assert text not in str(told)


def test_a_search_without_a_task_is_told_nobody(acme: Stage, claims: list[dict[str, Any]]) -> None:
    acme.ada.post("memories/search", {"query": "harbour"}).ok()
    with acme.bound():
        assert not Event.objects.filter(type="memory.check.frozen.v1").exists()


def test_a_refused_check_is_told_nobody(acme: Stage, claims: list[dict[str, Any]]) -> None:
    check(acme.bob, claims[0]).refused(409, "stale_lease")
    with acme.bound():
        assert not Event.objects.filter(type="memory.check.frozen.v1").exists()


def test_the_attempts_are_told_apart_and_the_latest_comes_first(
    acme: Stage, claims: list[dict[str, Any]], settle: Any
) -> None:
    check(acme.ada, claims[0], mode="keyword").ok()
    retry = {
        "status": "failed",
        "error": {"code": "oops", "message": "try again", "retryable": True},
        "output_payload": None,
    }
    assert acme.ada.finish(claims[0], confidence=None, **retry).ok()["outcome"] == "retrying"
    acme.ada.finish(claims[1]).ok()
    settle()
    (again,) = acme.ada.claim()
    check(acme.ada, again, "ferry", mode="keyword").ok()
    assert [(m["attempt"], m["query"]) for m in frozen(acme, again)] == [(2, "ferry"), (1, "harbour")]
    assert [m["attempt"] for m in frozen(acme, again, lease_token=UUID(claims[0]["lease_token"]))] == [1]


def test_long_texts_are_cut_in_the_copy_alone(acme: Stage, claims: list[dict[str, Any]], remember: Remember) -> None:
    remember(acme.pia, "zeppelin " + "z" * FROZEN_CHARACTERS_MAX)
    check(acme.ada, claims[0], "zeppelin", mode="keyword").ok()
    (kept,) = frozen(acme, claims[0])
    assert (len(kept["content"]), kept["cut"]) == (FROZEN_CHARACTERS_MAX, True)


def test_a_lease_has_room_for_so_many_checks(acme: Stage, claims: list[dict[str, Any]]) -> None:
    check(acme.ada, claims[0]).ok()
    with acme.bound():
        one = MemoryCheck.objects.get()
        copies = [
            MemoryCheck(
                tenant_id=one.tenant_id,
                task_id=one.task_id,
                lease_token=one.lease_token,
                attempt=1,
                agent_id=one.agent_id,
                query="again",
                mode="keyword",
            )
            for _ in range(CHECKS_MAX - 1)
        ]
        MemoryCheck.objects.bulk_create(copies)
    check(acme.ada, claims[0]).refused(409, "too_many_checks")
    check(acme.ada, claims[1]).ok()


def test_many_tasks_are_read_in_one_query(
    acme: Stage, claims: list[dict[str, Any]], django_assert_num_queries: Any
) -> None:
    check(acme.ada, claims[0]).ok()
    ids = [UUID(claim["task"]["id"]) for claim in claims]
    with acme.bound(), django_assert_num_queries(2):  # the first binds the transaction
        found = frozen_for_all(ids)
    assert [bool(found[task_id]) for task_id in ids] == [True, False]
