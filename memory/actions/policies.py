"""The tenant's policy of memory: read with every write, changed by admins.

A write that has read it before a change ends as it began; what is stored already, a change does not touch.
"""

from collections.abc import Mapping

from chimera.kernel import advisory, clock, tenancy
from chimera.kernel.actors import Actor
from chimera.kernel.errors import Stale
from chimera.kernel.eventlog import tell
from chimera.kernel.sensitive import Pattern
from memory.events import MemoryPolicyChanged
from memory.fading import Fading
from memory.models import MemoryPolicy
from memory.screening import USUAL, Deed, Deeds


def standing() -> MemoryPolicy:
    """The tenant's row, or one that is not stored: version 0, and all as usual."""
    found: MemoryPolicy | None = MemoryPolicy.objects.first()
    return found or MemoryPolicy(version=0)


def deeds(policy: MemoryPolicy | None = None) -> Deeds:
    """What becomes of each kind of sensitive things."""
    said = (policy or standing()).screening
    return {**USUAL, **{Pattern(name): Deed(deed) for name, deed in said.items()}}


def fading_of(policy: MemoryPolicy) -> Fading:
    return Fading.model_validate(policy.fading)


def change(
    *,
    screening: Mapping[Pattern, Deed] | None = None,
    fading: Fading | None = None,
    expected_version: int | None,
    by: Actor,
) -> MemoryPolicy:
    """Say what becomes of which kinds, those that are not named are as usual; and what fades. None leaves that part as it is.

    409 where it has changed since `expected_version`.
    """
    advisory.hold(f"{tenancy.current()}|memory-policy")
    policy = standing()
    if expected_version not in (None, policy.version):
        raise Stale("The policy has changed since you read it; read it again.", version=policy.version)
    if screening is not None:
        policy.screening = {str(kind): str(deed) for kind, deed in screening.items() if USUAL[kind] is not deed}
    if fading is not None:
        policy.fading = fading.stored()
    policy.version += 1
    policy.updated_at = clock.now()
    policy.save()
    tell(MemoryPolicyChanged.about(policy), by=by)
    return policy
