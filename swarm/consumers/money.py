"""Spends, captures and voids over the socket: the same as over HTTP, and under the same Idempotency-Key the same call."""

import json
from typing import Any

from chimera.flows.authorise_spend import SPENDERS
from chimera.flows.spend_many import Answered, Asked, Capture, Spend, Void
from chimera.kernel.http.permissions import check
from chimera.kernel.idempotency import Once
from swarm.consumers import frames
from swarm.consumers.working import Worker

Said = frames.Spend | frames.Capture | frames.Void
NOT_OF_THE_CALL = frozenset({"kind", "ref", "key", "transaction"})  # the last one stands in the call's path
DENIED = ("code", "detail", "remaining_usd", "resets_at", "window", "budget", "rule", "rules_version")
_PATH = "/api/v1/transactions"


def asked(worker: Worker, said: Said, item: dict[str, Any]) -> Asked:
    """403 unless it is a worker. `item` is what `said` was read from: a key binds the call as it was written."""
    check(worker.principal, SPENDERS)
    return Asked(
        what=_what(said),
        lease_token=said.lease_token,
        agent_id=worker.agent.pk,
        by=worker.principal.actor,
        once=None if said.key is None else _once(worker, said, item, said.key),
    )


def _what(said: Said) -> Spend | Capture | Void:
    match said:
        case frames.Spend():
            return Spend(
                task_id=said.task,
                amount_usd=said.amount_usd,
                asset_symbol=said.asset_symbol,
                payee=said.payee,
                category=said.category,
                purpose=said.purpose,
                metadata=said.metadata,
                correlation_key=said.correlation_key,
            )
        case frames.Capture():
            return Capture(transaction_id=said.transaction, amount_usd=said.amount_usd)
        case frames.Void():
            return Void(transaction_id=said.transaction, reason=said.reason)


def _once(worker: Worker, said: Said, item: dict[str, Any], key: str) -> Once:
    path = _PATH if isinstance(said, frames.Spend) else f"{_PATH}/{said.transaction}/{said.kind}"
    body = {name: value for name, value in item.items() if name not in NOT_OF_THE_CALL}
    return Once(key=key, principal=worker.principal, method="POST", path=path, body=json.dumps(body).encode())


def answer(said: Said, answered: Answered) -> dict[str, Any]:
    if not isinstance(said, frames.Spend):
        return {"transaction": answered.body}
    shown: dict[str, Any] = {"task": str(said.task)}
    if answered.status == 402:
        denied = {name: answered.body.get(name) for name in DENIED}
        return shown | {"transaction": answered.body["transaction"], "status": "denied", "denied": denied}
    return shown | {"transaction": answered.body, "status": answered.body["status"]}
