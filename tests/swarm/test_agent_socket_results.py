"""Results over the agents' socket: every outcome has its answer."""

from typing import Any

import pytest

from chimera.kernel.bridge import in_thread
from swarm.models import Task
from tests.cast import Stage
from tests.live.watching import run
from tests.swarm.at_socket import AtSocket, held, many

pytestmark = pytest.mark.usefixtures("relay")


def row(acme: Stage, claim: dict[str, Any]) -> Task:
    with acme.bound():
        found: Task = Task.objects.get(pk=claim["task"]["id"])
        return found


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
