"""Many dead letters at once: those that were ticked, or all that the list would show; each in a transaction of its own.

They are changed once the page's own transaction, in which they were found, has ended.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from chimera.flows.bulk_tasks import BulkVerb, Outcome, change_each
from chimera.kernel import clock
from chimera.kernel.console import show
from chimera.kernel.console.caller import may, principal
from chimera.kernel.console.verbs import Verb, Why
from chimera.kernel.errors import forbidden, invalid
from chimera.kernel.http.problem import as_refusal

NAMED_MAX = 10  # of those that are to be changed for good


@dataclass(frozen=True, slots=True)
class All:
    """What is offered above the list: `words` says how many are meant."""

    words: str
    offers: Sequence[tuple[Verb, Why]]


def open_to(request: HttpRequest, verbs: Sequence[Verb]) -> list[Verb]:
    return [verb for verb in verbs if may(request, verb.roles)]


def offer(request: HttpRequest, verbs: Sequence[Verb], matching: QuerySet[Any]) -> All | None:
    """None for those who may not, and when nothing matches."""
    allowed, most = open_to(request, verbs), settings.BULK_TASKS_MAX
    number = matching.order_by()[: most + 1].count() if allowed else 0
    if not number:
        return None
    words = f"the oldest {most} of more that match" if number > most else f"all {number} that match"
    return All(words, [(verb, Why(auto_id=f"id_all_{verb.name}_%s")) for verb in allowed])


def check(request: HttpRequest, verbs: Sequence[Verb]) -> None:
    """403 for those who may only look; 422 for anything but our own two forms."""
    asked = request.POST.get("action", "")
    verb = next((v for v in verbs if v.name == asked), None)
    if not open_to(request, verbs) or (verb and not may(request, verb.roles)):
        raise forbidden("Dead letters are retried and dropped by operators and admins.", code="role")
    if verb is None or "index" not in request.POST:
        raise invalid("Choose what is to be done with them: retry, or drop.", field_name="action")


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked before ticked ones are changed for good: `names` are those of the first few of them."""

    verb: Verb
    form: Why
    ids: Sequence[str]
    names: Sequence[str]

    @property
    def words(self) -> str:
        return "1 dead letter" if len(self.ids) == 1 else f"{len(self.ids)} dead letters"


def question(request: HttpRequest, verbs: Sequence[Verb], matching: QuerySet[Any]) -> Question | None:
    """None for what needs none: it has been answered, the verb takes no reason, or none of them is there any more."""
    verb = _asked(request, verbs)
    if verb.form is not Why or "confirmed" in request.POST:
        return None
    rows = list(_meant(request, matching).order_by("pk")[: settings.BULK_TASKS_MAX])
    names = [show.short(task.description or task.type, 70) for task in rows[:NAMED_MAX]]
    form = Why(auto_id=f"id_{verb.name}_%s")
    return Question(verb, form, [str(task.pk) for task in rows], names) if rows else None


def answer(request: HttpRequest, verbs: Sequence[Verb], matching: QuerySet[Any]) -> HttpResponse:
    """`matching` is what the list would show, whatever the page. Answers the list again; what came of it is said there."""
    verb, said = _asked(request, verbs), Why(request.POST)
    if not said.is_valid():
        raise invalid("The reason is too long; say it in 2 000 characters.", field_name="reason")
    most = settings.BULK_TASKS_MAX
    found = list(_meant(request, matching).order_by("pk").values_list("pk", flat=True)[: most + 1])
    if not found:
        messages.warning(request, "None of them is a dead letter any more; nothing was done.")
    else:
        act = partial(_change, request, verb, found[:most], said.cleaned_data["reason"], more=len(found) > most)
        transaction.on_commit(act)
    return HttpResponseRedirect(request.get_full_path())


def _asked(request: HttpRequest, verbs: Sequence[Verb]) -> Verb:
    return next(verb for verb in verbs if verb.name == request.POST["action"])


def _meant(request: HttpRequest, matching: QuerySet[Any]) -> QuerySet[Any]:
    return matching if request.POST.get("select_across") == "1" else matching.filter(pk__in=_ticked(request))


def _ticked(request: HttpRequest) -> list[UUID]:
    try:
        return [UUID(text) for text in request.POST.getlist(ACTION_CHECKBOX_NAME)]
    except ValueError:
        raise invalid("These are no ids of tasks; tick them in the list.", field_name=ACTION_CHECKBOX_NAME) from None


def _change(request: HttpRequest, verb: Verb, task_ids: list[UUID], reason: str, *, more: bool) -> None:
    who = principal(request)
    try:
        outcome = change_each(
            tenant_id=who.tenant_id, verb=BulkVerb(verb.name), task_ids=task_ids, reason=reason, by=who.actor
        )
    except Exception as fault:
        refusal = as_refusal(fault)
        if refusal is None:
            raise
        messages.error(request, f"{refusal.detail} Some may have been {verb.past} already.")
        return
    _say(request, f"{who.name} {verb.past}", outcome, more=more or outcome.next is not None)


def _say(request: HttpRequest, who_did: str, outcome: Outcome, *, more: bool) -> None:
    if outcome.changed:
        letters = "1 dead letter" if outcome.changed == 1 else f"{outcome.changed} dead letters"
        messages.success(request, f"{who_did} {letters} at {clock.now():%H:%M} UTC.")
    if outcome.failed:
        counted = Counter(refused.detail for refused in outcome.failed)
        why = " ".join(f"{number} ×: {detail}" for detail, number in counted.most_common())
        messages.warning(request, f"{len(outcome.failed)} were left as they are. {why}")
    if more:
        messages.info(request, "There are more of them; do the same again for the next.")
