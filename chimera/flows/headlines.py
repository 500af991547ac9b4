"""What a card is about, in one line for people who choose among many, and what other cards it is alike to.

Both are kept with the card, for tasks go after ninety days. `alike` is equal for cards that ask the same kind of thing: results of
one type of task, spends to one payee, actions with one tool.
"""

from typing import TypedDict

from chimera.kernel.http.parsing import money_text
from commerce.models import Transaction
from safety.actions.proposals import Proposal
from swarm.models import Task

HEADLINE_MAX, ALIKE_MAX = 200, 160  # characters, as the columns


class Headline(TypedDict):
    headline: str
    alike: str


def of_result(task: Task) -> Headline:
    return _of(_about(task), f"result:{task.type}")


def of_start(task: Task) -> Headline:
    return _of(_about(task), f"manual:{task.type}")


def of_spend(task: Task, spend: Transaction) -> Headline:
    whom = spend.payee or spend.category
    price = f"${money_text(spend.amount_usd)}"
    return _of(_joined(spend.purpose or _about(task), price, whom), f"spend:{whom}")


def of_action(task: Task, proposal: Proposal) -> Headline:
    price = f"${money_text(proposal.amount_usd)}" if proposal.amount_usd is not None else ""
    words = _joined(proposal.tool, proposal.purpose or _about(task), price, proposal.payee)
    return _of(words, f"action:{proposal.tool}")


def _about(task: Task) -> str:
    return task.description or task.type


def _joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def _of(words: str, alike: str) -> Headline:
    line = " ".join(words.split())
    cut = line if len(line) <= HEADLINE_MAX else f"{line[: HEADLINE_MAX - 1]}…"
    return Headline(headline=cut, alike=alike[:ALIKE_MAX])
