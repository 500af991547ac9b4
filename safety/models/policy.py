"""Policies and their rules, version after version, and what those in shadow would have done."""

import json
from functools import lru_cache

from django.db import models
from django.db.models import Q

from chimera.kernel import clock, ids
from chimera.kernel.states import Versioned
from chimera.kernel.tenancy import TenantOwned
from safety.policies.rules import Kind, Rule, Then, read
from safety.queries import PolicyQuerySet, ShadowQuerySet
from safety.states import POLICY, PolicyStatus


class PolicySet(TenantOwned):
    """A stamp that every change of the tenant's policies renews: who reads it knows whether what he read before still acts.

    Never the same twice, so that what was read inside a change that was undone is never taken for another.

    Its row is locked by whoever changes a policy, and read by everybody else.
    """

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    stamp = models.UUIDField(default=ids.uuid7)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant_id"], name="policy_set_one_per_tenant")]

    def __str__(self) -> str:
        return f"policies {self.stamp}"


class Policy(Versioned, TenantOwned):
    """Enforced, or in shadow, or off. Its rules are those of `rules_version`, the newest."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    name = models.CharField(max_length=80)
    status = models.CharField(
        max_length=10, choices=[(s.value, s.value) for s in PolicyStatus], default=PolicyStatus.SHADOW
    )
    rules_version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(default=clock.now, editable=False)

    objects = PolicyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "policies"
        constraints = [
            POLICY.constraint("policy_status"),
            models.UniqueConstraint(fields=["tenant_id", "name"], name="policy_name_once"),
        ]

    def __str__(self) -> str:
        return self.name


class PolicyVersion(TenantOwned):
    """What one version of a policy's rules says (safety.policies.rules). Never changed or removed: decisions name it."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="versions", db_index=False)
    version = models.PositiveIntegerField()
    rules = models.JSONField()
    note = models.CharField(max_length=500, blank=True)
    created_by = models.CharField(max_length=120, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        verbose_name = "version"
        constraints = [
            models.UniqueConstraint(fields=["policy", "version"], name="policy_version_once"),
            models.CheckConstraint(name="policy_version_from_one", condition=Q(version__gte=1)),
        ]

    def __str__(self) -> str:
        return f"version {self.version} of {str(self.policy_id)[-6:]}"

    @property
    def parsed(self) -> tuple[Rule, ...]:
        return _parsed(json.dumps(self.rules))


class ShadowVerdict(TenantOwned):
    """A subject about which a policy in shadow would have decided otherwise. Kept for ninety days.

    Tasks, results and transactions have their own retention, so they are named without foreign keys.
    """

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="shadows", db_index=False)
    policy_version = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=[(k.value, k.value) for k in Kind])
    subject_id = models.UUIDField()
    task_id = models.UUIDField()
    agent_id = models.UUIDField(null=True, blank=True)
    was = models.CharField(max_length=10)
    would_be = models.CharField(max_length=10)
    reasons = models.JSONField()
    at = models.DateTimeField(default=clock.now, editable=False)

    objects = ShadowQuerySet.as_manager()

    class Meta:
        verbose_name = "shadow verdict"
        indexes = [models.Index(fields=["policy", "-id"], name="shadow_of_policy")]

    def __str__(self) -> str:
        return f"{self.kind} {str(self.subject_id)[-6:]}: {self.would_be}, was {self.was}"

    @property
    def would_stop(self) -> bool:
        return self.would_be in (Then.DENY, Then.REVIEW) and self.was == Then.ALLOW


@lru_cache(maxsize=256)
def _parsed(text: str) -> tuple[Rule, ...]:
    return read(json.loads(text))
