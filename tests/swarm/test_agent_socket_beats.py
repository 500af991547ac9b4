"""Beats and progress over the agents' socket."""

from datetime import timedelta

import pytest

from chimera.kernel import clock
from chimera.kernel.bridge import in_thread
from tests.cast import Stage
from tests.live.watching import run
from tests.swarm.at_socket import AtSocket, many

pytestmark = pytest.mark.usefixtures("relay")


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
