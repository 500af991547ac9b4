"""System checks: what must hold before anything is served."""

from typing import Any

from django.core.checks import Error, register

from chimera.flows.reactions import REACTIONS
from chimera.kernel.eventlog import Fact


@register()
def every_event_has_its_line(app_configs: Any, **kwargs: Any) -> list[Error]:
    """Each event class stands in chimera/flows/reactions.py; an empty list is a decision, a missing line is none."""
    ours = {fact for fact in Fact.registry.values() if not fact.__module__.startswith("tests.")}
    missing = sorted(fact.full_type() for fact in ours - set(REACTIONS))
    return [Error(f"{name} is missing from chimera/flows/reactions.py", id="chimera.E001") for name in missing]
