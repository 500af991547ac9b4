"""/healthz: this process answers. /readyz: it can do its work. /metrics: Prometheus."""

from typing import Any

import structlog
from django.conf import settings
from django.db import ProgrammingError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from chimera.kernel import partitions, redis, weaviate

log = structlog.get_logger()
INDEX_SECONDS = 0.3  # for each question to Weaviate: whoever asks whether we are ready waits for a second or two


async def healthz(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> HttpResponse:
    """503 without PostgreSQL or with migrations missing; 200 with warnings while Redis or Weaviate is away or partitions run out."""
    findings: dict[str, Any] = {}
    warnings: list[str] = []
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM kernel_lane LIMIT 1")
        ahead = partitions.months_ahead()
        findings |= {"postgresql": "ok", "partitions_ahead_months": ahead}
        if ahead < settings.PARTITIONS_AHEAD_WARN_MONTHS:
            warnings.append(f"partitions exist only {ahead} months ahead; is `manage.py procrastinate worker` running?")
    except Exception as error:
        log.warning("not_ready", error=f"{type(error).__name__}: {error}".split("\n")[0][:300])
        findings["postgresql"] = _in_plain_words(error)
    try:
        with redis.hint() as client:
            client.ping()
        findings["redis"] = "ok"
    except redis.Away:
        findings["redis"] = "away"
        warnings.append("Redis is away: claims go through PostgreSQL, live pages poll")
    findings["weaviate"] = weaviate.standing(seconds=INDEX_SECONDS).word
    if findings["weaviate"] == "away":
        warnings.append("Weaviate is away: memories are searched in PostgreSQL, and indexed when it is back")
    ready = findings.get("postgresql") == "ok"
    return JsonResponse(
        {"status": "ready" if ready else "not ready", "warnings": warnings, **findings}, status=200 if ready else 503
    )


def _in_plain_words(error: Exception) -> str:
    """Whoever asks needs no credential, so hosts, names and versions stay in the log."""
    if isinstance(error, ProgrammingError):
        return "not migrated; run `manage.py migrate`"
    return "away; `manage.py doctor` and the log say why"


def metrics(request: HttpRequest) -> HttpResponse:
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)
