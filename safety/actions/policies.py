"""Policies: which act, making one, putting other rules in its place, enforcing it or not.

What acts is kept in memory under the stamp of its tenant's set, which is read with every decision; the set's row is locked by whoever
changes something (docs/locking.md). A decision that has read the stamp before a change ends as it began, and names its versions.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any
from uuid import UUID

from django.db.models import F

from chimera.kernel import clock, ids, prepared, tenancy
from chimera.kernel.actors import Actor
from chimera.kernel.errors import Stale, conflict, invalid
from chimera.kernel.eventlog import tell
from chimera.kernel.prepared import Asked
from chimera.kernel.spelling import plain
from safety.events import PolicyCreated, PolicyRulesReplaced, PolicySwitched
from safety.models import Policy, PolicySet, PolicyVersion
from safety.policies import Acting, Rule, stored
from safety.states import POLICY, PolicyStatus

POLICIES_MAX = 50  # of one tenant that are not off: every decision asks them all
TENANTS_KEPT_MAX = 1_000  # in one process; a set without policies is a few bytes


@dataclass(frozen=True, slots=True)
class ActingSet:
    """The policies of a tenant that decide or say what they would, as they are at `stamp` (None: it never had one)."""

    stamp: UUID | None
    policies: tuple[Acting, ...] = ()


NONE_YET = ActingSet(None)
_kept: OrderedDict[UUID, ActingSet] = OrderedDict()
_keeping = Lock()


def standing() -> Asked:
    """Answers the stamp of the bound tenant's set; no row where it never had a policy."""
    return _STANDING, {"tenant": tenancy.current()}


_STANDING = "SELECT stamp FROM safety_policyset WHERE tenant_id = %(tenant)s::uuid"


def acting() -> ActingSet:
    """What acts now: one short question, and others only after a change."""
    return acting_at(prepared.ask(*standing()))


def acting_at(answer: Sequence[Sequence[Any]]) -> ActingSet:
    """The same for who has asked `standing` among other things. Whoever finds the same stamp again knows that it acts still."""
    stamp: UUID | None = answer[0][0] if answer else None
    tenant_id = tenancy.current()
    found = known(tenant_id)
    if found is None or found.stamp != stamp:
        found = _read(stamp) if stamp else NONE_YET
        _keep(tenant_id, found)
    return found


def known(tenant_id: UUID) -> ActingSet | None:
    """What this process read last, without asking; None before it did."""
    with _keeping:
        return _kept.get(tenant_id)


def _keep(tenant_id: UUID, found: ActingSet) -> None:
    with _keeping:
        _kept[tenant_id] = found
        _kept.move_to_end(tenant_id)
        while len(_kept) > TENANTS_KEPT_MAX:
            _kept.popitem(last=False)


def _read(stamp: UUID) -> ActingSet:
    """A change that commits in between is read too, under the older stamp; the next question then reads again."""
    rows = PolicyVersion.objects.filter(policy__in=Policy.objects.asked(), version=F("policy__rules_version"))
    found = [acting_of(row.policy, row) for row in rows.select_related("policy").order_by("policy__name", "policy_id")]
    return ActingSet(stamp, tuple(found))


def acting_of(policy: Policy, row: PolicyVersion) -> Acting:
    shadow = policy.status != PolicyStatus.ENFORCED
    return Acting(policy.pk, policy.name, row.version, row.parsed, shadow)


def create(*, name: str, rules: Sequence[Rule], note: str, status: PolicyStatus, by: Actor) -> Policy:
    """A policy with its first version. 409 `name_taken`, also by a name that is spelt otherwise, `too_many` above POLICIES_MAX."""
    _check_name(name)
    _lock_set()
    asked = plain(name)
    if taken := next((one for one in Policy.objects.values_list("name", flat=True) if plain(one) == asked), None):
        raise conflict(
            f"There is a policy “{taken}” already; give it other rules, or take another name.", code="name_taken"
        )
    _check_room(status)
    policy = Policy.objects.create(id=ids.uuid7(), name=name, status=status)
    _write(policy, rules, note, by)
    tell(PolicyCreated.about(policy, rules=stored(rules), note=note), by=by)
    return policy


def replace(*, policy_id: UUID, rules: Sequence[Rule], note: str, expected_version: int | None, by: Actor) -> Policy:
    """Its next version, which acts at once; nothing where the rules say what they said. 409 unless `expected_version` acts."""
    _lock_set()
    policy: Policy = Policy.objects.get_or_refuse(policy_id)
    if expected_version is not None and expected_version != policy.rules_version:
        raise Stale(f"Its rules are at version {policy.rules_version}; read them again.", version=policy.rules_version)
    if rules_of(policy) == tuple(rules):
        return policy
    number = policy.rules_version + 1
    Policy.objects.filter(pk=policy.pk).update(rules_version=number, version=F("version") + 1, updated_at=clock.now())
    policy.refresh_from_db()
    _write(policy, rules, note, by)
    tell(PolicyRulesReplaced.about(policy, rules=stored(rules), note=note), by=by)
    return policy


def switch(*, policy_id: UUID, status: PolicyStatus, reason: str, by: Actor) -> Policy:
    """Enforce it, put it in shadow, or ask it no more. 409 where it is that already."""
    if not reason.strip():
        raise invalid("Say why: whoever asks later reads it.", field_name="reason", code="reason_required")
    _lock_set()
    policy: Policy = Policy.objects.get_or_refuse(policy_id)
    if policy.status == PolicyStatus.OFF:
        _check_room(status)
    POLICY.advance(policy, to=status, updated_at=clock.now())
    tell(PolicySwitched.about(policy, reason=reason.strip()), by=by)
    return policy


def rules_of(policy: Policy, version: int | None = None) -> tuple[Rule, ...]:
    """Of its acting version, or of another that it had."""
    return version_of(policy, version).parsed


def version_of(policy: Policy, version: int | None = None) -> PolicyVersion:
    number = policy.rules_version if version is None else version
    found = PolicyVersion.objects.filter(policy=policy, version=number).first()
    if found is None:
        raise invalid(
            f"“{policy.name}” has no version {number}; its newest is {policy.rules_version}.", field_name="version"
        )
    return found


def _write(policy: Policy, rules: Sequence[Rule], note: str, by: Actor) -> None:
    PolicyVersion.objects.create(
        policy=policy,
        version=policy.rules_version,
        rules=stored(rules),
        note=note.strip(),
        created_by=str(by),
        created_at=clock.now(),
    )


def _lock_set() -> None:
    """Every change of a tenant's policies goes one after the other, and renews the stamp under its lock."""
    tenant_id = tenancy.current()
    PolicySet.objects.bulk_create([PolicySet(tenant_id=tenant_id)], ignore_conflicts=True)
    PolicySet.objects.select_for_update().get(tenant_id=tenant_id)
    PolicySet.objects.filter(tenant_id=tenant_id).update(stamp=ids.uuid7())


def _check_name(name: str) -> None:
    if not plain(name) or len(name.splitlines()) > 1:
        raise invalid("Give it a name, in one line.", field_name="name", code="blank")


def _check_room(status: PolicyStatus) -> None:
    if status is not PolicyStatus.OFF and Policy.objects.asked().count() >= POLICIES_MAX:
        raise conflict(f"A tenant has at most {POLICIES_MAX} policies; switch one off.", code="too_many")
