"""The fixed cast of the tests, and their calls to the API."""

import json
from dataclasses import dataclass, field
from secrets import token_urlsafe
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.test import Client

from chimera.kernel import clock, tenancy
from chimera.kernel.actors import SYSTEM, Actor
from chimera.kernel.eventlog import tell
from chimera.kernel.identity import Role, digest
from swarm.actions import tenants
from swarm.events import AgentKeyIssued, AgentRegistered
from swarm.models import AgentKey, AgentProfile, Membership, PersonalToken


@dataclass(frozen=True)
class Said:
    """What the API answered."""

    status: int
    body: Any
    headers: Any

    def __getitem__(self, name: str) -> Any:
        return self.body[name]

    def ok(self, status: int = 200) -> "Said":
        assert self.status == status, f"{self.status} instead of {status}: {json.dumps(self.body, indent=1)[:2000]}"
        return self

    def refused(self, status: int, code: str) -> "Said":
        """A problem with this status and code, in the shape of RFC 9457, with a sentence for a person."""
        assert (self.status, self.body.get("code") if isinstance(self.body, dict) else None) == (status, code), (
            f"{self.status}: {self.body}"
        )
        assert self.headers["Content-Type"] == "application/problem+json"
        assert {"type", "title", "status", "code", "detail", "trace_id"} <= set(self.body)
        assert len(self.body["detail"]) > 10
        return self


@dataclass
class Caller:
    """Somebody with a bearer secret."""

    secret: str
    id: str = ""
    name: str = ""
    client: Client = field(default_factory=lambda: Client(raise_request_exception=True))

    def get(self, path: str, **query: Any) -> Said:
        return self._said(self.client.get(_url(path), query, headers=self._headers({})))

    def post(self, path: str, body: Any = None, **headers: str) -> Said:
        raw = body if isinstance(body, bytes) else json.dumps({} if body is None else body)
        return self._said(
            self.client.post(_url(path), raw, content_type="application/json", headers=self._headers(headers))
        )

    def patch(self, path: str, body: Any, **headers: str) -> Said:
        sent = self._headers(headers)
        return self._said(
            self.client.patch(_url(path), json.dumps(body), content_type="application/json", headers=sent)
        )

    def put(self, path: str, body: Any, **headers: str) -> Said:
        sent = self._headers(headers)
        return self._said(self.client.put(_url(path), json.dumps(body), content_type="application/json", headers=sent))

    def _headers(self, more: dict[str, str]) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret}"} | {k.replace("_", "-"): v for k, v in more.items()}

    def _said(self, response: Any) -> Said:
        raw = response.content
        return Said(response.status_code, json.loads(raw) if raw[:1] in (b"{", b"[") else raw, response.headers)

    # --- what agents do, by name

    def claim(self, most: int = 1, **more: Any) -> list[dict[str, Any]]:
        claims: list[dict[str, Any]] = self.post("claims", {"max": most, **more}).ok()["claims"]
        return claims

    def finish(self, claim: dict[str, Any], confidence: float | None = 0.95, output: Any = None, **more: Any) -> Said:
        body = {
            "lease_token": claim["lease_token"],
            "status": "succeeded",
            "output_payload": output or {"answer": "42"},
            "confidence_score": confidence,
        }
        return self.post(f"tasks/{claim['task']['id']}/result", body | more)

    def spend(self, claim: dict[str, Any], amount: str, **more: Any) -> Said:
        body = {
            "task": claim["task"]["id"],
            "lease_token": claim["lease_token"],
            "amount_usd": amount,
            "asset_symbol": "USD",
            "payee": "render.example",
        }
        return self.post("transactions", body | more)

    @property
    def actor(self) -> Actor:
        return Actor.agent(self.id, self.name) if self.secret.startswith("chm_") else Actor.person(self.id, self.name)


@dataclass
class Stage:
    """A tenant and its cast."""

    tenant_id: UUID
    ada: Caller
    bob: Caller
    pia: Caller
    jude: Caller
    rita: Caller
    otto: Caller
    fay: Caller
    anna: Caller  # auditor: reads, changes nothing
    boss: Caller  # admin: every role

    def session(self, **more: Any) -> dict[str, Any]:
        body: dict[str, Any] = self.pia.post("sessions", {"name": "launch", **more}).ok(201).body
        return body

    def task(self, session: dict[str, Any] | str, **more: Any) -> dict[str, Any]:
        session_id = session if isinstance(session, str) else session["id"]
        body = {"session": session_id, "type": "research", "input_payload": {"question": "why"}}
        made: dict[str, Any] = self.pia.post("tasks", body | more).ok(201).body
        return made

    def budget(self, **limits: Any) -> dict[str, Any]:
        made: dict[str, Any] = self.fay.post("budgets", {"scope": "tenant", **limits}).ok(201).body
        return made

    def bound(self) -> Any:
        return tenancy.bound(self.tenant_id)


def found(name: str, *, time_zone: str = "UTC") -> Stage:
    """What the verbs make (tests/swarm/test_cast.py), in one statement for each table: most tests begin with it."""
    tenant_id = tenants.new_id()
    with tenancy.bound(tenant_id):
        tenants.found(name=name, time_zone=time_zone)
        people = _people(name.lower())
        workers = _workers()
    return Stage(tenant_id=tenant_id, **people, **workers)


PEOPLE = {
    "rita": {Role.REVIEWER},
    "otto": {Role.OPERATOR},
    "fay": {Role.FINANCE},
    "anna": {Role.AUDITOR},
    "boss": {Role.ADMIN},
}
AGENTS = {"ada": ("worker", 8), "bob": ("worker", 1), "pia": ("planner", 2), "jude": ("judge", 4)}


def _people(house: str) -> dict[str, Caller]:
    User = get_user_model()  # noqa: N806
    users = User.objects.bulk_create(
        User(username=f"{who}@{house}", password=make_password(None), is_staff=True) for who in PEOPLE
    )
    Membership.objects.bulk_create(
        Membership(user=user, roles=sorted(roles)) for user, roles in zip(users, PEOPLE.values(), strict=True)
    )
    secrets = [f"chp_{token_urlsafe(32)}" for _ in PEOPLE]
    PersonalToken.objects.bulk_create(
        PersonalToken(
            user=user,
            name="test",
            prefix=secret[:12],
            digest=digest(secret),
            expires_at=clock.now() + tenants.TOKEN_LIFE,
        )
        for user, secret in zip(users, secrets, strict=True)
    )
    return {
        who: Caller(secret, id=str(user.pk), name=user.get_username())
        for who, user, secret in zip(PEOPLE, users, secrets, strict=True)
    }


def _workers() -> dict[str, Caller]:
    found = AgentProfile.objects.bulk_create(
        AgentProfile(name=name, role=role, max_slots=slots, registered_by=str(SYSTEM))
        for name, (role, slots) in AGENTS.items()
    )
    secrets = [f"chm_{token_urlsafe(32)}" for _ in AGENTS]
    AgentKey.objects.bulk_create(
        AgentKey(agent=agent, prefix=secret[:12], digest=digest(secret), issued_by=str(SYSTEM))
        for agent, secret in zip(found, secrets, strict=True)
    )
    told = [
        fact
        for agent, secret in zip(found, secrets, strict=True)
        for fact in (AgentRegistered.about(agent, role=agent.role), AgentKeyIssued.about(agent, key_prefix=secret[:12]))
    ]
    tell(*told, by=SYSTEM)
    return {
        agent.name: Caller(secret, id=str(agent.pk), name=agent.name)
        for agent, secret in zip(found, secrets, strict=True)
    }


def _url(path: str) -> str:
    return path if path.startswith("/") else f"/api/v1/{path}"
