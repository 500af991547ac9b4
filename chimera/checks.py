"""System checks: what must hold before anything is served."""

from typing import Any

from django.core.checks import Error, register
from django.core.checks import Warning as Warned
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, OperationalError

from chimera.flows.reactions import REACTIONS
from chimera.kernel import serving
from chimera.kernel.eventlog import Fact
from memory.actions import drift
from memory.actions.indexing import Busy
from memory.stores.weaviate.schema import Repair
from memory.stores.weaviate.wire import IndexAway, is_configured


@register()
def every_event_has_its_line(app_configs: Any, **kwargs: Any) -> list[Error]:
    """Each event class stands in chimera/flows/reactions.py; an empty list is a decision, a missing line is none."""
    ours = {fact for fact in Fact.registry.values() if not fact.__module__.startswith("tests.")}
    missing = sorted(fact.full_type() for fact in ours - set(REACTIONS))
    return [Error(f"{name} is missing from chimera/flows/reactions.py", id="chimera.E001") for name in missing]


@register()
def the_login_is_bound_by_row_level_security(app_configs: Any, **kwargs: Any) -> list[Error]:
    """For every command that serves, the worker's among them; one that finds no database says so itself."""
    try:
        serving.refuse_unsafe_login()
    except serving.UnsafeLogin as refusal:
        return [Error(str(refusal), id="chimera.E002")]
    except (ImproperlyConfigured, OperationalError):
        return []
    return []


@register()
def the_index_is_as_declared(app_configs: Any, **kwargs: Any) -> list[Warned]:
    """A warning, because searches do without it. One that is away, or written to this very moment, is not looked at."""
    if not is_configured():
        return []
    try:
        found = [one for compared in drift.compare() for one in compared.drifts if one.repair is not Repair.IDLE]
    except (IndexAway, Busy, ImproperlyConfigured, DatabaseError):
        return []
    return [
        Warned(
            f"The index of memories differs from its declaration in {one}",
            hint=drift.REINDEX if one.repair is Repair.NONE else "manage.py memory migrate",
            id="chimera.W001",
        )
        for one in found
    ]
