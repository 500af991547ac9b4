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
    DemandShape,
    NewDecision,
    ReasonShape,
    ReviewClaimShape,
    ReviewShape,
    VoteShape,
)

__all__ = [
    "DemandShape",
    "NewDecision",
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
