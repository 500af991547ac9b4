"""HTTP shapes of safety (/api/docs/). Requests are strict; responses add fields, and never rename one."""

from safety.serializers.policies import (
    NewPolicy,
    NewPolicyRules,
    NewPolicyStatus,
    PolicyDetailShape,
    PolicyReplayShape,
    PolicyShape,
    PolicyVersionShape,
    PreviewedPolicy,
    ReplayDifference,
    ReplayOutcome,
    ReplayRule,
)
from safety.serializers.reviews import (
    ChangeShape,
    DemandShape,
    EarlyDecisionShape,
    NewDecision,
    NewEarlyDecision,
    ReasonShape,
    ReviewClaimShape,
    ReviewShape,
    VoteShape,
)

__all__ = [
    "ChangeShape",
    "DemandShape",
    "EarlyDecisionShape",
    "NewDecision",
    "NewEarlyDecision",
    "NewPolicy",
    "NewPolicyRules",
    "NewPolicyStatus",
    "PolicyDetailShape",
    "PolicyReplayShape",
    "PolicyShape",
    "PolicyVersionShape",
    "PreviewedPolicy",
    "ReasonShape",
    "ReplayDifference",
    "ReplayOutcome",
    "ReplayRule",
    "ReviewClaimShape",
    "ReviewShape",
    "VoteShape",
]
