"""Why cards wait, in colours: red must never pass unseen, amber is money and used-up tries, blue is doubt."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from chimera.kernel.console import show
from chimera.kernel.sensitive import IN_WORDS

REASONS: dict[str, tuple[str, str]] = {  # code → (words, tone)
    "spend_above_threshold": ("spend", "warn"),
    "approval_mismatch": ("not as approved", "bad"),
    "outcome_unknown": ("outcome unknown", "warn"),
    "topic_politics": ("politics", "bad"),
    "topic_health_advice": ("health advice", "bad"),
    "topic_financial_advice": ("financial advice", "bad"),
    "topic_legal_claims": ("legal claims", "bad"),
    "topic_security": ("security", "bad"),
    "risk_tier_critical": ("critical", "bad"),
    "attempts_used_up": ("attempts used up", "warn"),
    "too_long": ("too long to check", "warn"),
    "confidence_low": ("low confidence", "warn"),
    "confidence_band": ("confidence", "info"),
    "no_confidence": ("no score", "info"),
    "judge_late": ("judge late", "info"),
    "judge_lost": ("judge lost", "info"),
    "awaits_judge": ("with a judge", "plain"),
    "manual": ("manual start", "mark"),
    "budget_exceeded": ("money used up", "warn"),
    **{f"pattern_{one}": (words.partition(" ")[2], "bad") for one, words in IN_WORDS.items()},  # without its article
    "tool": ("tool", "plain"),  # this and the following: conditions of policies' rules
    "amount": ("amount", "warn"),
    "payee": ("payee", "warn"),
    "confidence": ("score", "info"),
    "trust": ("trust", "info"),
    "hours": ("hours", "plain"),
    "risk_tier": ("risk tier", "plain"),
    "task": ("task", "plain"),
    "subject": ("kind of work", "plain"),
}


def words_of(code: str) -> str:
    return REASONS[code][0] if code in REASONS else code.replace("_", " ")


def tone_of(code: str) -> str:
    return REASONS[code][1] if code in REASONS else "plain"


def labels(reasons: list[dict[str, Any]]) -> SafeString:
    return format_html_join(
        " ", "{}", ((show.label(words_of(r["code"]), tone_of(r["code"]), r["detail"]),) for r in reasons)
    )


class ReasonFilter(admin.SimpleListFilter):
    title = "reason"
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(code, words) for code, (words, _) in REASONS.items()]

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[Any]:
        rows: QuerySet[Any] = queryset.because_of(self.value()) if self.value() else queryset
        return rows
