"""Look ahead: a result's text is read for topics before its transaction, which then finds what was found (recognise_topics).

What is read inside a transaction all the same is short (the purpose of a spend), or was read here before, by another process (an action
that is executed).
"""

from uuid import UUID

from chimera.flows import judge_results
from chimera.flows.finish_task import Handed, said_in
from chimera.flows.recognise_topics import recognise
from chimera.kernel import tenancy
from chimera.kernel.spelling import visible
from safety import triggers
from safety.policies.subject import TEXT_MAX


def look_ahead(tenant_id: UUID, one: Handed) -> None:
    """Outside any transaction; a judge's verdict needs one of its own, to read what it is about."""
    if one.new.status != "succeeded":
        return
    said = said_in(one.new)
    if one.judges:
        with tenancy.bound(tenant_id):
            said = judge_results.judged_by(one.task_id)
    recognise(visible(triggers.readable(said)[:TEXT_MAX]))
