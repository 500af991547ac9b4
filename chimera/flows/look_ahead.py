"""Look ahead: a result's text is read for topics before its transaction, which then finds what was found (recognise_topics).

Only where it would pass otherwise; whatever else needs the topics inside the transaction pays for it there, some tenths of a second
at most.
"""

from uuid import UUID

from chimera.flows import judge_results
from chimera.flows.ask_policies import bands
from chimera.flows.finish_task import Handed, said_in
from chimera.flows.recognise_topics import recognise
from chimera.kernel import tenancy
from chimera.kernel.spelling import visible
from safety import triggers


def look_ahead(tenant_id: UUID, one: Handed) -> None:
    """Outside any transaction; a judge's verdict needs one of its own, to read what it is about."""
    if one.new.status != "succeeded":
        return
    said = said_in(one.new)
    if one.judges:
        with tenancy.bound(tenant_id):
            said = judge_results.judged_by(one.task_id)
    text = triggers.readable(said)
    if triggers.passes_from(text=text, score=one.new.confidence_score, bands=bands()) is not None:
        recognise(visible(text))
