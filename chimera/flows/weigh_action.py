"""Weigh: what policies say of an action, and of the money that it would spend; the stricter counts. Reads only, but for shadows.

Asked when it is proposed, and again when it is to be executed: what was let through then may be stopped by now.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chimera.flows.ask_policies import keep_shadows, rule_on_action, rule_on_spend
from chimera.flows.authorise_spend import refusal_of
from chimera.flows.recognise_topics import recognise
from chimera.kernel.spelling import visible
from commerce.actions import Purchase, Refusal
from safety import triggers
from safety.actions import policies
from safety.actions.proposals import Proposal
from safety.policies import Due, Kind, Ruling, Then, shortest
from safety.policies.subject import TEXT_MAX
from swarm.models import Task

STRICTEST_FIRST = tuple(Then)


@dataclass(frozen=True, slots=True)
class Weighed:
    of_action: Ruling
    of_money: Ruling | None = None

    @property
    def deciding(self) -> Ruling:
        return min(self._both, key=lambda ruling: STRICTEST_FIRST.index(then_of(ruling)))

    @property
    def then(self) -> Then:
        return then_of(self.deciding)

    @property
    def reasons(self) -> list[dict[str, Any]]:
        """Of the one that denies, or of all that want a person."""
        told = [self.deciding] if self.then is Then.DENY else [r for r in self._both if then_of(r) is self.then]
        shapes = [reason.shape() for ruling in told for reason in ruling.reasons]
        return [shape for place, shape in enumerate(shapes) if shape not in shapes[:place]]

    @property
    def asking(self) -> set[tuple[str, str]]:
        """The rules that want a person, as (policy, name)."""
        return rules_in(self.reasons) if self.then is Then.REVIEW else set()

    @property
    def policies(self) -> list[dict[str, Any]]:
        """Those that were asked, with their versions."""
        pairs = [label.split("@") for label in self.of_action.versions]
        return [{"policy": policy, "version": int(version)} for policy, version in pairs]

    @property
    def due(self) -> Due | None:
        """How long a card about it may wait."""
        return shortest(ruling.due for ruling in self._both)

    @property
    def refusal(self) -> Refusal | None:
        """As the ledger keeps it."""
        return refusal_of(self.deciding)

    @property
    def _both(self) -> list[Ruling]:
        return [self.of_action, *([self.of_money] if self.of_money else [])]

    def is_stricter_than(self, before: str) -> bool:
        return STRICTEST_FIRST.index(self.then) < STRICTEST_FIRST.index(Then(before))

    def keep(self, *, action_id: UUID, task: Task, agent_id: UUID, was: Then) -> None:
        """What policies in shadow would have made of it."""
        keep_shadows(self.of_action, kind=Kind.ACTION, subject_id=action_id, task=task, agent_id=agent_id, was=was)


def weigh(*, task: Task, agent_id: UUID, proposal: Proposal, purchase: Purchase | None) -> Weighed:
    acting = policies.acting().policies  # once: a change in between must not rule on half of it
    ruling = rule_on_action(
        task=task,
        agent_id=agent_id,
        tool=proposal.tool,
        said=said_by(proposal),
        amount_usd=proposal.amount_usd,
        payee=proposal.payee,
        acting=acting,
    )
    money = rule_on_spend(task=task, agent_id=agent_id, purchase=purchase, acting=acting) if purchase else None
    return Weighed(ruling, money)


def rules_in(reasons: Sequence[dict[str, Any]]) -> set[tuple[str, str]]:
    """The rules that reasons come from, as (policy, name); what is built in has none."""
    return {(reason["policy"], reason["rule"]) for reason in reasons if "policy" in reason}


def said_by(proposal: Proposal) -> list[Any]:
    """All of it that somebody may read."""
    return [proposal.tool, proposal.arguments, proposal.payee, proposal.category, proposal.purpose]


def look_ahead(proposal: Proposal) -> None:
    """Recognise its topics before the transaction begins, which then finds them."""
    recognise(visible(triggers.readable(said_by(proposal))[:TEXT_MAX]))


def then_of(ruling: Ruling) -> Then:
    return ruling.then or Then.ALLOW
