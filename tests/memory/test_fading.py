"""What fades is forgotten by the policy, and nothing else is."""

from datetime import timedelta
from typing import Any

import pytest

from chimera.housekeeping import fade_memories
from chimera.kernel import clock
from chimera.kernel.eventlog import START, read
from memory import fading
from memory.actions import fading as verbs
from memory.models import MemoryRecord
from tests.cast import Stage
from tests.memory.conftest import Remember

MONTHLY: dict[str, Any] = {"half_life_days": {"episodic": 30}, "floor": 0.1}


def age(acme: Stage, memory: dict[str, Any], days: float) -> None:
    with acme.bound():
        MemoryRecord.objects.filter(pk=memory["id"]).update(seen_at=clock.now() - timedelta(days=days))


def standing(acme: Stage) -> set[str]:
    with acme.bound():
        return set(MemoryRecord.objects.kept().values_list("content", flat=True))


def test_a_memory_fades_when_its_strength_falls_below_the_floor(acme: Stage, remember: Remember) -> None:
    """0.4 halved twice is the floor: after 59 days it stands, after 61 it has faded."""
    for name, days in (("stands", 59), ("goes", 61)):
        age(acme, remember(acme.ada, name, importance_score=0.4), days)
        assert (fading.strength(importance=0.4, days=days, half_life_days=30) < 0.1) == (name == "goes")
    acme.boss.put("memories/policy", {"fading": MONTHLY}).ok()
    fade_memories(0)
    assert standing(acme) == {"stands"}
    with acme.bound():
        gone = MemoryRecord.objects.get(content="goes")
        told = [event for event in read(START, limit=1000) if event.type == "memory.memory.forgotten.v1"]
    assert (gone.forgotten_reason, gone.version) == ("Faded under version 1 of the policy.", 2)
    assert [(event.payload["aggregate_id"], event.actor) for event in told] == [(str(gone.pk), "system:chimera")]


def test_what_weighs_much_and_what_the_policy_does_not_name_stays(acme: Stage, remember: Remember) -> None:
    age(acme, remember(acme.ada, "weighs much", importance_score=0.9), 30_000)
    age(acme, remember(acme.ada, "semantic", category="semantic", importance_score=0.1), 30_000)
    age(acme, remember(acme.ada, "new and worth nothing", importance_score=0), 0.5)
    age(acme, remember(acme.ada, "worth nothing", importance_score=0), 2)
    age(acme, remember(acme.ada, "ancient", importance_score=0.89), 36_000)
    acme.boss.put("memories/policy", {"fading": MONTHLY}).ok()
    fade_memories(0)
    assert standing(acme) == {"weighs much", "semantic", "new and worth nothing"}


def test_nothing_fades_where_the_policy_says_nothing(acme: Stage, zenith: Stage, remember: Remember) -> None:
    age(acme, remember(acme.ada, "ours", importance_score=0.1), 30_000)
    age(acme, remember(zenith.ada, "theirs"), 0)
    zenith.boss.put("memories/policy", {"fading": MONTHLY}).ok()
    fade_memories(0)
    assert standing(acme) == {"ours"}


def test_past_its_greatest_age_a_memory_goes_whatever_its_strength(acme: Stage, remember: Remember) -> None:
    age(acme, remember(acme.ada, "old", category="semantic", importance_score=0.8), 366)
    age(acme, remember(acme.ada, "younger", category="semantic", importance_score=0.8), 364)
    acme.boss.put("memories/policy", {"fading": {"max_age_days": {"semantic": 365}}}).ok()
    fade_memories(0)
    assert standing(acme) == {"younger"}


def test_a_sighting_makes_a_memory_young_again(acme: Stage, remember: Remember) -> None:
    age(acme, remember(acme.ada, "seen again", importance_score=0.2), 300)
    acme.bob.post("memories", {"content": "seen again", "importance_score": 0.2}).ok(200)
    acme.boss.put("memories/policy", {"fading": MONTHLY}).ok()
    fade_memories(0)
    assert standing(acme) == {"seen again"}


def test_slices_end_when_nothing_is_left(acme: Stage, remember: Remember) -> None:
    acme.ada.post("memories/batch", {"memories": [{"content": f"{n}", "importance_score": 0.1} for n in range(7)]}).ok()
    with acme.bound():
        MemoryRecord.objects.update(seen_at=clock.now() - timedelta(days=300))
    acme.boss.put("memories/policy", {"fading": MONTHLY}).ok()
    done = []
    for _ in range(4):
        with acme.bound():
            done.append(verbs.fade(limit=3))
    assert done == [3, 3, 1, 0]


def test_a_preview_says_what_would_fade_and_nothing_does(acme: Stage, remember: Remember) -> None:
    for n in range(3):
        age(acme, remember(acme.ada, f"weak {n}", importance_score=0.1), 100)
    remember(acme.ada, "strong")
    seen = acme.boss.post("memories/policy/preview", {"fading": MONTHLY}).ok()
    assert (seen["number"], seen["categories"]) == (3, {"episodic": 3})
    assert {memory["content"] for memory in seen["shown"]} == {"weak 0", "weak 1", "weak 2"}
    assert len(standing(acme)) == 4
    assert acme.boss.post("memories/policy/preview", {"fading": {}}).ok()["number"] == 0
    acme.otto.post("memories/policy/preview", {"fading": MONTHLY}).refused(403, "role")


def test_each_part_of_the_policy_stays_as_it_is_where_the_other_is_said(acme: Stage) -> None:
    acme.boss.put("memories/policy", {"fading": MONTHLY}).ok()
    policy = acme.boss.put("memories/policy", {"screening": {"pii.email": "refuse"}, "version": 1}).ok()
    assert (policy["fading"]["half_life_days"], policy["version"]) == ({"episodic": 30}, 2)
    policy = acme.boss.put("memories/policy", {"fading": {}}).ok()
    assert (policy["fading"]["half_life_days"], policy["screening"]["pii.email"]) == ({}, "refuse")
    acme.boss.put("memories/policy", {"fading": MONTHLY, "version": 1}).refused(409, "stale")


@pytest.mark.parametrize(
    "wrong",
    [
        {"half_life_days": {"myth": 3}},
        {"half_life_days": {"episodic": 0}},
        {"half_life_days": {"episodic": 40_000}},
        {"half_life_days": {"episodic": "soon"}},
        {"half_life_days": 3},
        {"max_age_days": {"episodic": -1}},
        {"floor": 0},
        {"floor": 1.5},
        {"keep_importance": 2},
        {"keep_importance": None},
        {"speed": 3},
        [],
        None,
    ],
    ids=str,
)
def test_a_fading_that_cannot_be_is_refused(acme: Stage, wrong: Any) -> None:
    for method, path in ((acme.boss.put, "memories/policy"), (acme.boss.post, "memories/policy/preview")):
        refusal = method(path, {"fading": wrong})
        assert (refusal.status, refusal["errors"][0]["field"].split(".")[0]) == (422, "fading"), refusal.body
    assert acme.boss.get("memories/policy").ok()["version"] == 0


def test_a_policy_of_nothing_is_refused(acme: Stage) -> None:
    acme.boss.put("memories/policy", {}).refused(422, "invalid")


@pytest.mark.parametrize("days", [1, 36_500])
@pytest.mark.parametrize("floor", [0.0001, 1])
def test_no_policy_is_beyond_what_postgresql_can_count(
    acme: Stage, remember: Remember, days: float, floor: float
) -> None:
    for importance in (0, 0.0001, 0.89, 1):
        age(acme, remember(acme.ada, f"weighs {importance}", importance_score=importance), 36_000)
    said = fading.Fading.model_validate({"half_life_days": {"episodic": days}, "floor": floor})
    expected = {
        f"weighs {i}"
        for i in (0, 0.0001, 0.89)
        if fading.strength(importance=i, days=36_000, half_life_days=days) < floor
    }
    with acme.bound():
        assert {memory.content for memory in verbs.preview(said).shown} == expected
