"""Actions over the socket: the same rules, rows and keys as over HTTP."""

from typing import Any

import pytest

from chimera.kernel.bridge import in_thread
from tests.cast import Stage
from tests.commerce.books import check_books
from tests.live.watching import run
from tests.safety.acts import POST
from tests.swarm.at_socket import AtSocket
from tests.swarm.test_agent_socket_money import at_work

pytestmark = pytest.mark.usefixtures("relay")


async def propose(at: AtSocket, claim: dict[str, Any], **more: Any) -> dict[str, Any]:
    said = {"tool": "publish", "arguments": POST} | more
    return await at.ask("action", task=claim["task"]["id"], lease_token=claim["lease_token"], **said)


def test_an_action_is_proposed_executed_once_and_settled(acme: Stage) -> None:
    acme.budget(day_usd="10")

    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            (claim,) = await at_work(acme, ada)
            said = await propose(ada, claim, amount_usd="2", key="one")
            assert (said["kind"], said["status"], said["task"]) == ("ack", "allowed", claim["task"]["id"])
            action = said["action"]
            assert action == (await in_thread(acme.ada.get, f"actions/{action['id']}")).body
            show = {"action": action["id"], "lease_token": claim["lease_token"], "digest": action["digest"]}
            execution = await ada.ask("execution", key="two", **show)
            assert (execution["tool"], execution["arguments"]) == ("publish", POST)
            again = await ada.ask("execution", key="two", **show)
            assert again["execution_token"] == execution["execution_token"]
            body = {"lease_token": claim["lease_token"], "digest": action["digest"]}
            over_http = await in_thread(
                lambda: acme.ada.post(f"actions/{action['id']}/execution", body, Idempotency_Key="two")
            )
            assert over_http.ok()["execution_token"] == execution["execution_token"]
            refused = await ada.ask("execution", **show)
            assert (refused["code"], refused["action"]) == ("already_executed", action["id"])
            token = {"action": action["id"], "execution_token": execution["execution_token"]}
            done = await ada.ask("outcome", status="succeeded", cost_usd="1.5", **token)
            assert (done["status"], done["action"]["cost_usd"]) == ("succeeded", "1.50")
            wrong = await ada.ask("outcome", status="failed", **token | {"execution_token": "guess"})
            assert wrong["code"] == "execution_token"

    run(main)
    check_books(acme)


def test_a_mismatch_is_an_error_that_names_the_new_card_and_ends_the_lease(acme: Stage) -> None:
    async def main() -> None:
        async with AtSocket(acme.ada) as ada:
            (claim,) = await at_work(acme, ada)
            action = (await propose(ada, claim))["action"]
            show = {"action": action["id"], "lease_token": claim["lease_token"]}
            said = await ada.ask("execution", arguments={"text": "other"}, **show)
            assert (said["kind"], said["code"], said["changed"]) == ("error", "approval_mismatch", ["arguments"])
            assert (said["anew"]["status"], said["anew"]["replaces"]) == ("review", action["id"])
            await in_thread(acme.rita.get, f"reviews/{said['anew']['review']}")
            beaten = await ada.beat(claim)
            assert beaten["leases"][0]["error"]["code"] == "stale_lease"

    run(main)


def test_who_may_not_act_is_refused(acme: Stage) -> None:
    async def main() -> None:
        async with AtSocket(acme.pia) as pia:
            said = await pia.ask("outcome", action=str(acme.tenant_id), execution_token="x", status="failed")
            assert said["code"] == "role"

    run(main)
