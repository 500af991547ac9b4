"""Every page of the console: where it is, who sees it, and which verbs it has for whom; read from the truth table."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from chimera import permissions
from chimera.kernel.identity import Role
from chimera.permissions import SEE

WHO = {Role.REVIEWER: "rita", Role.OPERATOR: "otto", Role.FINANCE: "fay", Role.AUDITOR: "anna", Role.ADMIN: "boss"}
ALL = frozenset(WHO.values())


@dataclass(frozen=True)
class Noun:
    path: str
    walked: Mapping[str, frozenset[str]]  # verb → people

    @property
    def list(self) -> str:
        return f"/admin/{self.path}/"

    def one(self, row_id: object, verb: str = "") -> str:
        return f"{self.list}{row_id}/" + (f"{verb}/" if verb else "")

    @property
    def seen_by(self) -> frozenset[str]:
        return self.walked[SEE]

    @property
    def verbs(self) -> frozenset[str]:
        return frozenset(self.walked) - {SEE}

    @property
    def walked_by(self) -> frozenset[str]:
        """Who may walk any of them."""
        return frozenset().union(*(self.walked[verb] for verb in self.verbs))


def _noun(path: str) -> Noun:
    rights = [right for right in permissions.console() if right.place == path]
    return Noun(path, MappingProxyType({right.act: frozenset(WHO[role] for role in right.roles) for right in rights}))


def _plain_card() -> Noun:
    """Of those who may decide a card at all, one that asks nobody in particular asks reviewers; nobody has taken it yet."""
    card = _noun("safety/reviewcard")
    asked = frozenset({"rita", "boss"})
    return Noun(
        card.path,
        {verb: who if verb == SEE else who & asked for verb, who in card.walked.items() if verb != "release"},
    )


NOUNS = {
    "card": _plain_card(),
    "action": _noun("safety/action"),
    "early": _noun("safety/earlydecision"),
    "session": _noun("swarm/swarmsession"),
    "task": _noun("swarm/task"),
    "dead": _noun("swarm/deadletter"),
    "campaign": _noun("swarm/campaign"),
    "schedule": _noun("swarm/schedule"),
    "agent": _noun("swarm/agentprofile"),
    "lock": _noun("swarm/resourcelock"),
    "limit": _noun("swarm/concurrencylimit"),
    "memory": _noun("memory/memoryrecord"),
    "erasure": _noun("memory/memoryerasure"),
    "persona": _noun("memory/persona"),
    "budget": _noun("commerce/budgetconfig"),
    "increase": _noun("commerce/limitincrease"),
    "transaction": _noun("commerce/transaction"),
    "policy": _noun("safety/policy"),
    "target": _noun("safety/notificationtarget"),
    "delivery": _noun("safety/delivery"),
    "event": _noun("kernel/event"),
    "parked": _noun("kernel/parkedevent"),
    "tenant": _noun("swarm/tenant"),
    "member": _noun("swarm/membership"),
}
