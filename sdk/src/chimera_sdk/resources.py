"""The nouns of the API, once for both clients: `R` is what a call gives (a dict, or one to be awaited), `P` what a list gives.

Thin on purpose: arguments are the fields of /api/docs/, answers the dicts it shows. What has no method here is reached
with `get`, `post`, `patch` and `all` of the client itself.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Generic, TypeVar

from chimera_sdk.encoding import Id, segment
from chimera_sdk.errors import Json
from chimera_sdk.exchange import Call

R = TypeVar("R")
P = TypeVar("P")


class Resources(ABC, Generic[R, P]):
    """What both clients have in common; they say how a call is sent and how pages are read."""

    def __init__(self) -> None:
        self.tasks, self.sessions, self.campaigns = Tasks(self), Sessions(self), Campaigns(self)
        self.schedules = Schedules(self)
        self.agents, self.memories, self.locks = Agents(self), Memories(self), Locks(self)
        self.personas = Personas(self)
        self.budgets, self.transactions = Budgets(self), Transactions(self)
        self.actions, self.reviews = Actions(self), Reviews(self)

    @abstractmethod
    def send(self, call: Call) -> R: ...

    @abstractmethod
    def pages(self, path: str, params: Json, *, cursor: str = "cursor") -> P: ...

    def get(self, path: str, **params: Any) -> R:
        return self.send(Call("GET", path, params=_given(params)))

    def post(self, path: str, body: Any = None, *, once: str | None = None) -> R:
        """`once` names the call, so that the same call made again, even by another process, is answered and not done."""
        return self.send(Call.post(path, body, once=once))

    def patch(self, path: str, body: Json) -> R:
        return self.send(Call("PATCH", path, body=body))

    def all(self, path: str, **params: Any) -> P:
        """Every row of a list, page after page."""
        return self.pages(path, _given({"limit": 100} | params))


class Noun(Generic[R, P]):
    path: ClassVar[str]

    def __init__(self, client: Resources[R, P]) -> None:
        self._client = client

    def get(self, id: Id) -> R:
        return self._client.get(self._at(id))

    def list(self, **filters: Any) -> P:
        """Newest first. `limit` is the size of a page, not of the list."""
        return self._client.all(self.path, **filters)

    def _create(self, body: Json, once: str | None) -> R:
        return self._client.post(self.path, _given(body), once=once)

    def _do(self, id: Id, verb: str, **body: Any) -> R:
        return self._client.post(f"{self._at(id)}/{verb}", _given(body))

    def _at(self, id: Id) -> str:
        return f"{self.path}/{segment(id)}"


class Tasks(Noun[R, P]):
    path = "tasks"

    def create(self, *, session: Id, type: str, input: Json, once: str | None = None, **fields: Any) -> R:
        """With `budget_usd` ("0.50") it gets a part of what the tasks above it (`parent_task`) may spend; ProblemError
        `allotment_exceeded` has what is left of that in `body["remaining_usd"]`."""
        return self._create({"session": session, "type": type, "input_payload": input} | fields, once)

    def batch(self, tasks: "list[Json]", *, once: str | None = None) -> R:
        """{tasks: […]}: at most 500, all of them or none."""
        return self._client.post("tasks/batch", {"tasks": tasks}, once=once)

    def cancel(self, id: Id, reason: str | None = None) -> R:
        return self._do(id, "cancel", reason=reason)

    def retry(self, id: Id, reason: str | None = None) -> R:
        return self._do(id, "retry", reason=reason)

    def drop(self, id: Id, reason: str | None = None) -> R:
        """A dead letter that nobody will retry."""
        return self._do(id, "drop", reason=reason)

    def in_bulk(self, verb: str, *, filter: Json, limit: int | None = None, after: str | None = None) -> R:
        """{matched, changed, failed, more, next}: cancel, retry or drop what matches, a bounded number in each call."""
        return self._client.post(f"tasks/{verb}", _given({"filter": filter, "limit": limit, "after": after}))


class _House(Noun[R, P]):
    """Sessions and campaigns: opened, changed, paused, ended."""

    def change(self, id: Id, **fields: Any) -> R:
        """With `state_version`, the change is refused unless it is still that version."""
        return self._client.patch(self._at(id), fields)

    def pause(self, id: Id, reason: str | None = None) -> R:
        return self._do(id, "pause", reason=reason)

    def resume(self, id: Id, reason: str | None = None) -> R:
        return self._do(id, "resume", reason=reason)

    def complete(self, id: Id, reason: str | None = None) -> R:
        return self._do(id, "complete", reason=reason)

    def stop(self, id: Id, reason: str) -> R:
        """Cancels its open tasks at once."""
        return self._do(id, "stop", reason=reason)


class Sessions(_House[R, P]):
    path = "sessions"

    def create(self, *, name: str = "", campaign: Id | None = None, once: str | None = None, **fields: Any) -> R:
        return self._create({"name": name, "campaign": campaign} | fields, once)

    def events(self, id: Id, *, after: str | None = None) -> P:
        """What has happened, in order, up to the present; each event's `position` is an `after` to go on from."""
        return self._client.pages(f"{self._at(id)}/events", _given({"after": after, "limit": 100}), cursor="after")


class Campaigns(_House[R, P]):
    path = "campaigns"

    def create(self, *, name: str, goal: str, context: Json | None = None, once: str | None = None) -> R:
        return self._create({"name": name, "goal": goal, "context": context}, once)


class Schedules(Noun[R, P]):
    path = "schedules"

    def create(
        self, campaign: Id, *, name: str, cron: str, overlap: str, task: Json, once: str | None = None, **fields: Any
    ) -> R:
        """`overlap` is skip, queue or replace: what to do while the task of the run before is open."""
        body = {"name": name, "cron": cron, "overlap": overlap, "task": task} | fields
        return self._client.post(f"campaigns/{segment(campaign)}/schedules", _given(body), once=once)

    def change(self, id: Id, **fields: Any) -> R:
        return self._client.patch(self._at(id), fields)

    def run(self, id: Id) -> R:
        """Once, now, out of its turn."""
        return self._do(id, "run")

    def pause(self, id: Id, reason: str | None = None) -> R:
        return self._do(id, "pause", reason=reason)

    def resume(self, id: Id, reason: str | None = None) -> R:
        return self._do(id, "resume", reason=reason)

    def stop(self, id: Id, reason: str | None = None) -> R:
        return self._do(id, "stop", reason=reason)


class Agents(Noun[R, P]):
    path = "agents"

    def create(self, *, name: str, role: str, max_slots: int = 1, once: str | None = None, **fields: Any) -> R:
        """Its `key` is shown only in this answer."""
        return self._create({"name": name, "role": role, "max_slots": max_slots} | fields, once)

    def new_key(self, id: Id) -> R:
        return self._do(id, "keys")

    def pause(self, id: Id, reason: str | None = None) -> R:
        return self._do(id, "pause", reason=reason)

    def resume(self, id: Id, reason: str | None = None) -> R:
        return self._do(id, "resume", reason=reason)

    def kill(self, id: Id, reason: str | None = None) -> R:
        return self._do(id, "kill", reason=reason)


class Budgets(Noun[R, P]):
    """Amounts are decimal strings."""

    path = "budgets"

    def create(self, *, scope: str, scope_id: Id | None = None, once: str | None = None, **limits: Any) -> R:
        return self._create({"scope": scope, "scope_id": scope_id} | limits, once)

    def change(self, id: Id, **fields: Any) -> R:
        """A limit of None is no limit."""
        return self._client.patch(self._at(id), fields)

    def usage(self, id: Id) -> R:
        return self._client.get(f"{self._at(id)}/usage")


class Transactions(Noun[R, P]):
    """Agents spend with `ctx.spend`; here the ledger is read."""

    path = "transactions"


class Actions(Noun[R, P]):
    """Agents act with `ctx.act`; here it is read what was decided, and what came of it."""

    path = "actions"


class Reviews(Noun[R, P]):
    """People only."""

    path = "reviews"

    def take(self, **chosen: Any) -> R:
        """{review}: the one that is due first of those that you may approve and nobody is at, claimed; null when none is left. `chosen` is
        its kind or its session."""
        return self._client.post(f"{self.path}/next", chosen)

    def card(self, id: Id) -> R:
        """{review, words, you, exactly, earlier, money, lineage, alike, tail, …}: all that its page in the console shows."""
        return self._client.get(f"{self._at(id)}/card")

    def claim(self, id: Id) -> R:
        return self._do(id, "claim")

    def release(self, id: Id) -> R:
        return self._do(id, "release")

    def decide(
        self,
        id: Id,
        decision: str,
        *,
        note: str | None = None,
        edited_payload: Json | None = None,
        **seen: Any,
    ) -> R:
        """`decision` is approve, reject or request_changes. With the `version` or the `digest` of the card nothing else is decided than
        what was looked at."""
        return self._do(id, "decision", decision=decision, note=note, edited_payload=edited_payload, **seen)

    def decide_many(self, reviews: Sequence[Json], decision: str, *, note: str) -> R:
        """{outcomes: [{review, status | error}]}: each of these {id, version?} for itself, with one reason."""
        return self._client.post(f"{self.path}/batch", {"decision": decision, "note": note, "reviews": list(reviews)})

    def decide_by_key(
        self, correlation_key: str, decision: str, *, digest: str | None = None, note: str | None = None, **fields: Any
    ) -> R:
        """Of the card that is open under an agent's key, or else of the one to come: then it waits, and can be taken back."""
        said = {"correlation_key": correlation_key, "decision": decision, "digest": digest, "note": note} | fields
        return self._client.post(f"{self.path}/decisions", _given(said))

    def take_back(self, id: Id) -> R:
        """Of a decision that waits for its card, by whose it is."""
        return self._client.post(f"{self.path}/decisions/{segment(id)}/withdraw")


class Memories(Noun[R, P]):
    path = "memories"

    def create(self, content: str, *, once: str | None = None, **fields: Any) -> R:
        return self._create({"content": content} | fields, once)

    def search(self, query: str, **filters: Any) -> R:
        """{results: [{memory, score, parts}], …}, best first."""
        return self._client.send(
            Call("POST", "memories/search", body=_given({"query": query} | filters), harmless=True)
        )

    def supersede(self, id: Id, **fields: Any) -> R:
        return self._do(id, "supersede", **fields)

    def forget(self, id: Id, reason: str) -> R:
        return self._do(id, "forget", reason=reason)


class Personas(Noun[R, P]):
    """By the `id` of their SOUL.md."""

    path = "personas"

    def create(self, soul: str, *, once: str | None = None) -> R:
        """The text of a SOUL.md; the same text again is the same version."""
        return self._create({"soul": soul}, once)

    def versions(self, id: Id) -> P:
        return self._client.pages(f"{self._at(id)}/versions", {})

    def version(self, id: Id, number: int, *, against: int | None = None) -> R:
        """With `against` its `diff` from that version."""
        return self._client.get(f"{self._at(id)}/versions/{number}", against=against)

    def context(self, id: Id, **asked: Any) -> R:
        """{text, sections, left_out, used_tokens, …}. Asked: task, query, budget_tokens, version. Nothing of it is kept."""
        return self._client.get(f"{self._at(id)}/context", **asked)

    def retire(self, id: Id, reason: str) -> R:
        return self._do(id, "retire", reason=reason)


class Locks(Noun[R, P]):
    """Fenced: give `fencing_number` along to whoever is written to, who refuses smaller ones than it has seen."""

    path = "locks"

    def acquire(self, resource: str, *, ttl_seconds: int, once: str | None = None) -> R:
        """{owner_token, fencing_number, expires_at, …}; ProblemError `lock_held` when somebody has it."""
        return self._create({"resource": resource, "ttl_seconds": ttl_seconds}, once)

    def renew(self, resource: str, owner_token: str, *, ttl_seconds: int) -> R:
        """From now on; ProblemError `lock_lost` once it has lapsed."""
        said = {"resource": resource, "owner_token": owner_token, "ttl_seconds": ttl_seconds}
        return self._client.post("locks/renew", said)

    def release(self, resource: str, owner_token: str) -> R:
        return self._client.post("locks/release", {"resource": resource, "owner_token": owner_token})


def _given(fields: Json) -> Json:
    return {name: value for name, value in fields.items() if value is not None}
