"""The safety part of /api/v1/."""

from django.urls import path

from safety.api.reviews import Review, ReviewClaim, ReviewDecision, Reviews

urlpatterns = [
    path("reviews", Reviews.as_view()),
    path("reviews/<uuid:review_id>", Review.as_view()),
    path("reviews/<uuid:review_id>/claim", ReviewClaim.as_view()),
    path("reviews/<uuid:review_id>/decision", ReviewDecision.as_view()),
]
