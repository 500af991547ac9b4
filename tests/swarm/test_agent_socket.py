"""The agents' socket: tasks are pushed to free slots, and every outcome of a result, a beat and a word of progress."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from chimera.kernel import clock
from chimera.kernel.bridge import in_thread
from swarm.models import AgentKey, Task
from tests.cast import Stage
from tests.kernel.log import running
from tests.live.watching import run, until
from tests.processes import proc
from tests.swarm.at_socket import AtSocket


@pytest.fixture(autouse=True)
def relay(db: None) -> Iterator[None]:
    with running("redis", "clock"):
        yield


def row(acme: Stage, claim: dict[str, Any]) -> Task:
    with acme.bound():
        found: Task = Task.objects.get(pk=claim["task"]["id"])
        return found


def many(acme: Stage, number: int, **more: Any) -> list[str]:
    session = acme.session()
    return [acme.task(session, **more)["id"] for _ in range(number)]


async def held(acme: Stage) -> int:
    def count() -> int:
        with acme.bound():
            return Task.objects.filter(status="running").count()

    return await in_thread(count)


def test_an_agent_is_greeted_and_its_slots_are_filled(acme: Stage) -> None:
    made = many(acme, 10)

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            hello = ada.hello
            assert (hello["agent"], hello["name"], hello["role"]) == (acme.ada.id, "ada", "worker")
            assert (hello["max_slots"], hello["unanswered_max"], hello["frame_bytes_max"]) == (8, 256, 262144)
            assert (hello["lease_seconds"], hello["heartbeat_seconds"], hello["leases"]) == (60, 10, [])
            assert (await ada.ready(3))["slots"] == 3
            claims = await ada.tasks(3)
            assert {"task", "lease_token", "lease_expires_at", "attempt", "resume"} <= set(claims[0])
            assert [claim["task"]["id"] for claim in claims] == made[:3]
            assert claims[0]["lease_expires_at"].endswith("Z")
            assert claims[0]["task"] == (await in_thread(acme.ada.get, f"tasks/{made[0]}")).body | {
                "results": claims[0]["task"]["results"],
                "progress": None,
            }
            assert await held(acme) == 3

    run(main)


def test_more_slots_than_it_has_are_granted_as_many_as_it_has(acme: Stage) -> None:
    many(acme, 12)

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            assert (await ada.ready(100))["slots"] == 8
            await ada.tasks(8)
            assert (await ada.ready(0))["slots"] == 0
            await ada.finish(ada.claims[0])
            assert (await ada.ready(8))["slots"] == 8
            await ada.tasks(9)
            assert await held(acme) == 8

    run(main)


def test_a_finished_task_makes_room_for_the_next(acme: Stage) -> None:
    made = many(acme, 6)

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            await ada.ready(1)
            for number in range(6):
                claim = (await ada.tasks(number + 1))[number]
                answer = await ada.finish(claim)
                assert answer | {"ref": ""} == {
                    "kind": "ack", "ref": "", "task": made[number], "status": "completed", "outcome": "completed", "review": None,
                }  # fmt: skip
            assert await held(acme) == 0

    run(main)


def test_only_tasks_of_the_types_it_names_come(acme: Stage) -> None:
    session = acme.session()
    acme.task(session, type="research")
    acme.task(session, type="research")
    wanted = acme.task(session, type="render")["id"]

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            await ada.ready(8, types=["render", "print"])
            assert [claim["task"]["id"] for claim in await ada.tasks(1)] == [wanted]
            late = (await in_thread(lambda: acme.task(session, type="print")))["id"]
            assert [claim["task"]["id"] for claim in await ada.tasks(2)] == [wanted, late]
            await ada.ready(8)
            assert len(await ada.tasks(4)) == 4

    run(main)


def test_each_outcome_of_a_result_has_its_answer(acme: Stage) -> None:
    session = acme.session()
    for kind, more in {
        "plain": {},
        "reviewed": {},
        "judged": {"judged": True},
        "failed": {},
        "retried": {},
        "low": {},
    }.items():
        acme.task(session, type=kind, **more)

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            await ada.ready(6)
            claims = {claim["task"]["type"]: claim for claim in await ada.tasks(6)}
            await ada.ready(0)
            error = {"code": "unreadable", "message": "A scanned picture.", "retryable": False}
            none: dict[str, Any] = {"output_payload": None, "confidence_score": None, "status": "failed"}
            seen = {
                "plain": await ada.finish(claims["plain"]),
                "reviewed": await ada.finish(claims["reviewed"], confidence_score=0.8),
                "judged": await ada.finish(claims["judged"]),
                "failed": await ada.finish(claims["failed"], **none, error=error),
                "retried": await ada.finish(claims["retried"], **none, error=error | {"retryable": True}),
                "low": await ada.finish(claims["low"], confidence_score=0.2),
            }
            assert {kind: said.get("outcome") for kind, said in seen.items()} == {
                "plain": "completed",
                "reviewed": "blocked",
                "judged": "blocked",
                "failed": "failed",
                "retried": "retrying",
                "low": "retrying",
            }
            cards = (await in_thread(lambda: acme.rita.get("reviews", status="pending"))).ok()["results"]
            assert [card["id"] for card in cards] == [seen["reviewed"]["review"]]
            assert seen["judged"]["review"] is not None
            assert await held(acme) == 0
            again = {kind: await ada.finish(claims[kind]) for kind in ("plain", "reviewed", "failed", "low")}
            assert {kind: said["outcome"] for kind, said in again.items()} == {
                kind: seen[kind]["outcome"] for kind in again
            }
            assert again["reviewed"]["review"] == seen["reviewed"]["review"]

    run(main)


def test_a_judge_scores_over_its_socket(acme: Stage) -> None:
    acme.task(acme.session(), judged=True)

    async def main() -> None:
        async with AtSocket(acme.ada) as ada, AtSocket(acme.jude) as jude:
            await ada.ready(1)
            await jude.ready(1)
            claim = (await ada.tasks(1))[0]
            assert (await ada.finish(claim))["outcome"] == "blocked"
            verdict = (await jude.tasks(1))[0]
            refused = await jude.finish(verdict, confidence_score=None)
            assert (refused["kind"], refused["code"]) == ("error", "score_missing")
            assert (await jude.finish(verdict, confidence_score=0.97))["outcome"] == "completed"
            assert (await in_thread(row, acme, claim)).status == "completed"

    run(main)


def test_a_result_against_an_older_goal_is_stale(acme: Stage) -> None:
    session = acme.session()
    acme.task(session)

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            await ada.ready(1)
            claim = (await ada.tasks(1))[0]
            change = {"context": {"tone": "drier"}}
            (await in_thread(lambda: acme.otto.patch(f"sessions/{session['id']}", change))).ok()
            said = await ada.finish(claim)
            assert said["outcome"] == "stale"
            again = (await ada.tasks(2))[1]
            assert (again["task"]["id"], again["attempt"]) == (claim["task"]["id"], 1)

    run(main)


def test_a_lease_of_another_is_stale_and_a_task_of_nobody_is_not_found(acme: Stage, zenith: Stage) -> None:
    many(acme, 1)

    async def main() -> None:
        async with AtSocket(acme.ada) as ada, AtSocket(acme.bob) as bob, AtSocket(zenith.ada) as stranger:
            await ada.ready(1)
            claim = (await ada.tasks(1))[0]
            token = {"lease_token": "0190a000-0000-7000-8000-000000000000"}
            for who, told, code in (
                (bob, claim, "stale_lease"),
                (ada, claim | token, "stale_lease"),
                (stranger, claim, "not_found"),
            ):
                said = await who.finish(told)
                assert (said["kind"], said["code"], said["task"]) == ("error", code, claim["task"]["id"])
            assert (await ada.finish(claim))["outcome"] == "completed"

    run(main)


def test_beats_renew_what_is_half_used_and_name_what_is_lost(acme: Stage) -> None:
    session = acme.session()
    for _ in range(3):
        acme.task(session)

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            await ada.ready(3)
            first, second, lost = await ada.tasks(3)
            await ada.ready(0)
            (await in_thread(lambda: acme.pia.post(f"tasks/{lost['task']['id']}/cancel", {}))).ok()
            said = (await ada.beat(first, second, lost))["leases"]
            assert [lease["task"] for lease in said] == [c["task"]["id"] for c in (first, second, lost)]
            assert said[0] == {
                "task": first["task"]["id"],
                "lease_expires_at": first["lease_expires_at"],
                "commands": [],
            }
            assert said[2]["error"]["code"] == "stale_lease"
            with clock.held(clock.now() + timedelta(seconds=40)):
                later = (await ada.beat(first))["leases"][0]
            assert later["lease_expires_at"] > first["lease_expires_at"]
            (await in_thread(lambda: acme.otto.post(f"sessions/{session['id']}/pause", {"reason": "lunch"}))).ok()
            assert [lease["commands"] for lease in (await ada.beat(first, second))["leases"]] == [["pause"], ["pause"]]
            (await in_thread(lambda: acme.otto.post(f"sessions/{session['id']}/stop", {"reason": "enough"}))).ok()
            assert (await ada.beat(first))["leases"][0]["error"]["code"] == "stale_lease"

    run(main)


def test_progress_is_noted_for_a_lease_and_for_no_other(acme: Stage) -> None:
    many(acme, 2)

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            await ada.ready(2)
            claim, other = await ada.tasks(2)
            about = {"task": claim["task"]["id"], "lease_token": claim["lease_token"]}
            said = await ada.ask("progress", **about, phase="reading", percentage=40, message="page 12")
            assert (said["kind"], said["task"]) == ("ack", claim["task"]["id"])
            wrong = await ada.ask("progress", **about | {"lease_token": other["lease_token"]}, phase="reading")
            assert (wrong["kind"], wrong["code"]) == ("error", "stale_lease")
            await ada.beat(other, progress={"phase": "writing", "percentage": 80.5})
            for one, phase, percentage in ((claim, "reading", 40.0), (other, "writing", 80.5)):
                shown = (await in_thread(acme.otto.get, f"tasks/{one['task']['id']}"))["progress"]
                assert (shown["phase"], shown["percentage"]) == (phase, percentage)

    run(main)


def test_a_lease_claimed_over_http_is_worked_off_over_the_socket(acme: Stage) -> None:
    many(acme, 1)
    claim = proc.until(acme.ada.claim)[0]

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            assert [lease["task"]["id"] for lease in ada.hello["leases"]] == [claim["task"]["id"]]
            about = {"task": claim["task"]["id"], "lease_token": claim["lease_token"]}
            assert (await ada.ask("progress", **about, phase="reading"))["kind"] == "ack"
            assert (await ada.beat(claim))["leases"][0]["commands"] == []
            assert (await ada.finish(claim))["outcome"] == "completed"

    run(main)


def test_a_paused_agent_gets_nothing_and_goes_on_when_it_is_resumed(acme: Stage) -> None:
    many(acme, 2)

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            await ada.ready(1)
            claim = (await ada.tasks(1))[0]
            (await in_thread(lambda: acme.otto.post(f"agents/{acme.ada.id}/pause", {"reason": "lunch"}))).ok()
            await ada.told("pause", claim)
            await ada.ready(8)
            await ada.finish(claim)
            assert await held(acme) == 0
            (await in_thread(lambda: acme.otto.post(f"agents/{acme.ada.id}/resume", {}))).ok()
            await ada.tasks(2)

    run(main)


@pytest.mark.parametrize("house", ["sessions", "campaigns"])
def test_a_paused_house_hands_out_nothing_until_it_is_resumed(acme: Stage, house: str) -> None:
    campaign = acme.otto.post("campaigns", {"name": "launch", "goal": "sell"}).ok(201)
    session = acme.session(campaign=campaign["id"])
    acme.task(session)
    place = f"{house}/{session['id'] if house == 'sessions' else campaign['id']}"
    acme.otto.post(f"{place}/pause", {"reason": "lunch"}).ok()

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            await ada.ready(8)
            other = await in_thread(lambda: acme.task(acme.session()))
            assert [claim["task"]["id"] for claim in await ada.tasks(1)] == [other["id"]]
            (await in_thread(lambda: acme.otto.post(f"{place}/resume", {}))).ok()
            await ada.tasks(2)

    run(main)


def test_a_cancelled_task_is_told_at_once(acme: Stage) -> None:
    many(acme, 1)

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            await ada.ready(1)
            claim = (await ada.tasks(1))[0]
            (await in_thread(lambda: acme.pia.post(f"tasks/{claim['task']['id']}/cancel", {}))).ok()
            await ada.told("stop", claim)
            assert (await ada.finish(claim))["code"] == "stale_lease"

    run(main)


def test_a_killed_agent_is_shown_out_at_once_and_its_work_goes_to_another(acme: Stage) -> None:
    many(acme, 1)

    async def main() -> None:
        async with AtSocket(acme.ada) as ada, AtSocket(acme.bob) as bob:
            await ada.ready(1)
            claim = (await ada.tasks(1))[0]
            await bob.ready(1)
            (await in_thread(lambda: acme.otto.post(f"agents/{acme.ada.id}/kill", {"reason": "runs wild"}))).ok()
            assert await ada.shown_out() == 4403
            assert [c["task"]["id"] for c in await bob.tasks(1)] == [claim["task"]["id"]]
        async with AtSocket(acme.ada) as again:
            assert await again.shown_out() == 4401

    run(main)


def test_a_revoked_key_is_shown_out_within_the_look(acme: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swarm.consumers.pushing.LOOK_AFTER_SECONDS", 0.3)

    def revoke() -> None:
        with acme.bound():
            AgentKey.objects.filter(agent_id=acme.ada.id).update(revoked_at=clock.now())

    async def main() -> None:
        async with AtSocket(acme.ada) as ada, AtSocket(acme.bob) as bob:
            await in_thread(revoke)
            assert await ada.shown_out() == 4401
            assert (await bob.ready(1))["slots"] == 1

    run(main)


def test_people_and_strangers_stay_outside(acme: Stage) -> None:
    async def main() -> None:
        for secret, code in ((acme.otto.secret, 4403), ("chm_nobody_" + "x" * 40, 4401), ("", 4401)):
            stranger = await AtSocket(secret).open()
            assert stranger.closed == code
            assert stranger.heard == []
            await stranger.drop()

    run(main)


def test_a_fault_of_one_handler_is_its_own_answer_and_nothing_else(
    acme: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from swarm.consumers import answering

    many(acme, 2)
    beat = answering._beat

    async def broken(*args: Any) -> Any:
        raise ZeroDivisionError

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            await ada.ready(1)
            claim = (await ada.tasks(1))[0]
            monkeypatch.setattr(answering, "_beat", broken)
            said = await ada.beat(claim)
            assert (said["kind"], said["code"]) == ("error", "internal")
            monkeypatch.setattr(answering, "_beat", beat)
            assert (await ada.beat(claim))["kind"] == "ack"
            await ada.finish(claim)
            await ada.tasks(2)

    run(main)


def test_a_push_that_fails_is_tried_again(acme: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    from swarm.consumers import pushing, working

    many(acme, 1)
    tries: list[int] = []
    take = working.take

    def fails_twice(*args: Any) -> Any:
        tries.append(1)
        if len(tries) < 3:
            raise ZeroDivisionError
        return take(*args)

    monkeypatch.setattr(working, "take", fails_twice)
    monkeypatch.setattr(pushing, "FAULT_SECONDS", 0.05)

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            await ada.ready(1)
            await ada.tasks(1)
            await until(lambda: len(tries) >= 3)

    run(main)
