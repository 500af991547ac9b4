"""What becomes of policies."""

from typing import Any, ClassVar, Self

from chimera.kernel.eventlog import Fact


class PolicyFact(Fact):
    name: str
    status: str
    rules_version: int

    @classmethod
    def about(cls, policy: Any, **more: Any) -> Self:
        return cls(
            aggregate_id=policy.pk,
            aggregate_version=policy.version,
            name=policy.name,
            status=str(policy.status),
            rules_version=policy.rules_version,
            **more,
        )


class PolicyCreated(PolicyFact):
    type: ClassVar[str] = "safety.policy.created"
    rules: list[dict[str, Any]]
    note: str


class PolicyRulesReplaced(PolicyFact):
    """Its next version acts, all of its rules."""

    type: ClassVar[str] = "safety.policy.rules_replaced"
    rules: list[dict[str, Any]]
    note: str


class PolicySwitched(PolicyFact):
    """Enforced, in shadow or off; `status` says which."""

    type: ClassVar[str] = "safety.policy.switched"
    reason: str
