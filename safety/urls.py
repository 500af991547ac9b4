"""The safety part of /api/v1/."""

from django.urls import path

from safety.api.actions import Action, ActionExecution, ActionOutcome, Actions, TaskActions
from safety.api.early import EarlyDecisions, EarlyDecisionWithdrawal
from safety.api.notifications import (
    Deliveries,
    Delivery,
    DeliveryReplay,
    NotificationTarget,
    NotificationTargets,
    NotificationTargetSecret,
    NotificationTargetStatus,
    NotificationTargetTest,
)
from safety.api.policies import (
    Policies,
    Policy,
    PolicyPreview,
    PolicyRules,
    PolicyStatusChange,
    PolicyVersions,
)
from safety.api.queue import ReviewCounts, ReviewDecisions, ReviewNext, ReviewRelease, ReviewSeen
from safety.api.reviews import Review, ReviewClaim, ReviewDecision, ReviewPage, Reviews

urlpatterns = [
    path("tasks/<uuid:task_id>/actions", TaskActions.as_view()),
    path("actions", Actions.as_view()),
    path("actions/<uuid:action_id>", Action.as_view()),
    path("actions/<uuid:action_id>/execution", ActionExecution.as_view()),
    path("actions/<uuid:action_id>/outcome", ActionOutcome.as_view()),
    path("reviews", Reviews.as_view()),
    path("reviews/counts", ReviewCounts.as_view()),
    path("reviews/next", ReviewNext.as_view()),
    path("reviews/batch", ReviewDecisions.as_view()),
    path("reviews/decisions", EarlyDecisions.as_view()),
    path("reviews/decisions/<uuid:early_decision_id>/withdraw", EarlyDecisionWithdrawal.as_view()),
    path("reviews/<uuid:review_id>", Review.as_view()),
    path("reviews/<uuid:review_id>/card", ReviewPage.as_view()),
    path("reviews/<uuid:review_id>/seen", ReviewSeen.as_view()),
    path("reviews/<uuid:review_id>/claim", ReviewClaim.as_view()),
    path("reviews/<uuid:review_id>/release", ReviewRelease.as_view()),
    path("reviews/<uuid:review_id>/decision", ReviewDecision.as_view()),
    path("policies", Policies.as_view()),
    path("policies/<uuid:policy_id>", Policy.as_view()),
    path("policies/<uuid:policy_id>/rules", PolicyRules.as_view()),
    path("policies/<uuid:policy_id>/status", PolicyStatusChange.as_view()),
    path("policies/<uuid:policy_id>/versions", PolicyVersions.as_view()),
    path("policies/<uuid:policy_id>/preview", PolicyPreview.as_view()),
    path("notification-targets", NotificationTargets.as_view()),
    path("notification-targets/<uuid:target_id>", NotificationTarget.as_view()),
    path("notification-targets/<uuid:target_id>/status", NotificationTargetStatus.as_view()),
    path("notification-targets/<uuid:target_id>/secret", NotificationTargetSecret.as_view()),
    path("notification-targets/<uuid:target_id>/test", NotificationTargetTest.as_view()),
    path("deliveries", Deliveries.as_view()),
    path("deliveries/<uuid:delivery_id>", Delivery.as_view()),
    path("deliveries/<uuid:delivery_id>/replay", DeliveryReplay.as_view()),
]
