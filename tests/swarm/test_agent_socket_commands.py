"""What agents are told at their socket without asking: pause, stop, and the way out."""

from uuid import UUID

import pytest

from chimera.kernel import clock
from chimera.kernel.bridge import in_thread
from swarm.consumers import seat
from swarm.models import AgentKey
from tests.cast import Stage
from tests.live.watching import run, until
from tests.swarm.at_socket import AtSocket, held, many

pytestmark = pytest.mark.usefixtures("relay")

GENEROUS_SECONDS = 15.0  # other tests run beside us


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


@pytest.mark.parametrize("house", ["sessions", "campaigns"])
def test_whoever_is_at_work_in_a_house_hears_of_its_pause_and_its_end_at_once(acme: Stage, house: str) -> None:
    campaign = acme.otto.post("campaigns", {"name": "launch", "goal": "sell"}).ok(201)
    session = acme.session(campaign=campaign["id"])
    acme.task(session)
    place = f"{house}/{session['id'] if house == 'sessions' else campaign['id']}"

    def change(word: str) -> None:
        acme.otto.post(f"{place}/{word}", {"reason": "lunch"} if word != "resume" else {}).ok()

    def commands() -> list[list[str]]:
        return [told for at in seat._seats[UUID(acme.ada.id)] for told in at.told.values()]

    async def main() -> None:
        async with AtSocket(acme.ada) as ada, AtSocket(acme.ada) as other, AtSocket(acme.bob) as bob:
            await ada.ready(1)
            claim = (await ada.tasks(1))[0]
            for times in (1, 2):  # and again after a resumption
                await in_thread(change, "pause")
                await ada.told("pause", claim, times)
                await in_thread(change, "resume")
                await until(lambda: not any("pause" in told for told in commands()), GENEROUS_SECONDS)
            await in_thread(change, "stop")
            await ada.told("stop", claim)
            assert (await ada.finish(claim))["code"] == "stale_lease"
            assert other.of("command") == bob.of("command") == []

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
