"""Who must approve a card: pure. A quorum is a list of demands, and every one of them must be met.

One person counts once in each demand, and in several where the roles fit: each is another budget's question.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from chimera.kernel.identity import Role

STOPPED = "All work of this tenant is stopped; approve it once it goes on, or reject it."
VOTED = "You have approved this card already; somebody else is needed."
ANY_APPROVER = frozenset({Role.REVIEWER, Role.FINANCE, Role.OPERATOR, Role.ADMIN})  # whom a demand may name


@dataclass(frozen=True, slots=True)
class Demand:
    """So many people, each with one of these roles; an admin has every role."""

    approvers: int
    roles: frozenset[Role]
    given: int = 0

    @property
    def is_met(self) -> bool:
        return self.given >= self.approvers

    def takes(self, roles: Iterable[Role]) -> bool:
        return bool(self.roles.union({Role.ADMIN}).intersection(roles))

    def stored(self) -> dict[str, Any]:
        return {"approvers": self.approvers, "roles": sorted(self.roles)}


def deciders(quorum: Sequence[dict[str, Any]]) -> frozenset[Role]:
    """Who may decide at all: reviewers, who may always say no, and those whom the demands name."""
    named = {Role(name) for each in quorum for name in each["roles"]}
    return frozenset({Role.REVIEWER, Role.ADMIN} | named)


def one_reviewer() -> list[dict[str, Any]]:
    return [Demand(1, frozenset({Role.REVIEWER})).stored()]


def together(asked: Iterable[tuple[int, Iterable[str]]]) -> list[dict[str, Any]]:
    """Several demands as a card keeps them: of those for the same roles the one for most people."""
    most: dict[frozenset[Role], int] = {}
    for approvers, names in asked:
        roles = frozenset(Role(name) for name in names)
        most[roles] = max(approvers, most.get(roles, 0))
    return [Demand(approvers, roles).stored() for roles, approvers in most.items()]


def widened(quorum: Sequence[dict[str, Any]], to: Role) -> list[dict[str, Any]]:
    """Where reviewers are asked, the role `to` may answer too. What is asked of others alone, such as finance, stands."""
    demands = [(each["approvers"], frozenset(Role(name) for name in each["roles"])) for each in quorum]
    return [Demand(n, roles | {to} if Role.REVIEWER in roles else roles).stored() for n, roles in demands]


def standing(quorum: Sequence[dict[str, Any]], votes: Iterable[Iterable[str]]) -> list[Demand]:
    """The demands with how many have approved; a vote is the roles of the person who gave it."""
    given = [frozenset(Role(name) for name in roles) for roles in votes]
    bare = [Demand(each["approvers"], frozenset(Role(name) for name in each["roles"])) for each in quorum]
    return [Demand(one.approvers, one.roles, sum(one.takes(roles) for roles in given)) for one in bare]


def is_met(demands: Iterable[Demand]) -> bool:
    return all(demand.is_met for demand in demands)


def missing(demands: Iterable[Demand]) -> str:
    """In words: "1 of reviewer, 2 of admin or finance"."""
    open_ones = [(d.approvers - d.given, " or ".join(sorted(d.roles))) for d in demands if not d.is_met]
    return ", ".join(f"{number} of {roles}" for number, roles in open_ones)


def takes(demands: Iterable[Demand], roles: Iterable[Role]) -> bool:
    """Whether an approval of somebody with these roles is still asked for."""
    mine = frozenset(roles)
    return any(demand.takes(mine) and not demand.is_met for demand in demands)


def not_asked(demands: Iterable[Demand]) -> str:
    return f"This card needs {missing(demands)}; you are none of them."
