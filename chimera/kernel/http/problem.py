"""RFC 9457: every error of the API is application/problem+json with a stable code and a sentence that says what to do."""

import json
from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied
from django.db.utils import DataError, IntegrityError, InterfaceError, NotSupportedError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from drf_spectacular.utils import inline_serializer
from psycopg import errors as pg
from rest_framework import exceptions, serializers
from rest_framework.response import Response

from chimera.kernel.errors import Refused, busy, conflict, not_found
from chimera.kernel.http.trace import current_trace

log = structlog.get_logger()
CONTENT_TYPE = "application/problem+json"


class Problem(serializers.Serializer[Any]):
    """The shape, for the OpenAPI document."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()
    errors = serializers.ListField(
        child=inline_serializer("ProblemField", {k: serializers.CharField() for k in ("field", "code", "message")}),
        required=False,
    )
    trace_id = serializers.CharField()


def body(refusal: Refused) -> dict[str, Any]:
    try:
        title = HTTPStatus(refusal.status).phrase
    except ValueError:
        title = "Refused"
    shown: dict[str, Any] = {
        "type": f"urn:chimera:problem:{refusal.code}",
        "title": title,
        "status": refusal.status,
        "code": refusal.code,
        "detail": refusal.detail,
        "trace_id": current_trace(),
    }
    if refusal.errors:
        shown["errors"] = refusal.errors
    return shown | refusal.extra


def answer(exc: Exception, context: dict[str, Any] | None = None) -> Response | None:
    """DRF's exception handler. None lets what nobody foresaw become a 500 with its traceback in the log."""
    refusal = as_refusal(exc)
    if refusal is None:
        return None
    response = Response(body(refusal), status=refusal.status, headers=refusal.headers, content_type=CONTENT_TYPE)
    response.exception = True
    return response


def as_refusal(exc: BaseException) -> Refused | None:
    match exc:
        case Refused():
            return exc
        case exceptions.ValidationError():
            errors = list(_flatten(exc.get_full_details(), ""))
            first = errors[0] if errors else {"field": "", "code": "invalid", "message": "invalid"}
            where = f"{first['field']}: " if first["field"] else ""
            return Refused(
                f"{where}{first['message']}",
                code=first["code"] if len(errors) == 1 and first["code"] in OWN_CODES else "invalid",
                status=422,
                errors=errors,
            )
        case exceptions.MethodNotAllowed():
            return Refused(str(exc.detail), code="method_not_allowed", status=405)
        case exceptions.UnsupportedMediaType():
            return Refused("Send the body as application/json.", code="unsupported_media_type", status=415)
        case exceptions.NotAcceptable():
            return Refused("This call answers application/json only.", code="not_acceptable", status=406)
        case exceptions.APIException():
            return Refused(str(exc.detail), code=str(exc.default_code), status=exc.status_code)
        case Http404():
            return not_found("resource")
        case PermissionDenied():
            return Refused("You may not do this.", code="forbidden", status=403)
        case OperationalError() | InterfaceError() | IntegrityError() | DataError() | NotSupportedError():
            return _of_database(exc)
    return None


OWN_CODES = frozenset(
    {"unknown_field", "nul_character", "too_large", "invalid_money", "not_an_object"}
)  # else `invalid`


def _of_database(exc: Exception) -> Refused | None:
    cause = exc.__cause__
    if isinstance(cause, pg.LockNotAvailable | pg.DeadlockDetected | pg.QueryCanceled):
        return busy("Somebody else is at the same thing right now; nothing was changed, try again.")
    if isinstance(cause, pg.ForeignKeyViolation) and (cause.diag.constraint_name or "").endswith("_same_tenant"):
        return not_found("referenced thing")
    if isinstance(cause, pg.UniqueViolation):
        return conflict("Another call created the same thing a moment ago; read it.", code="taken")
    if isinstance(cause, pg.FeatureNotSupported) and "cached plan" in str(cause):
        return busy(
            "A table was changed just now; nothing was changed by this call, try again."
        )  # planned anew by then
    if isinstance(exc, OperationalError | InterfaceError):
        log.warning("database_away", error=str(exc))
        return busy("The database cannot be reached right now; nothing was changed, try again.", retry_seconds=2)
    return None


def _flatten(details: Any, path: str) -> Any:
    if isinstance(details, dict) and {"message", "code"} <= set(details) and not isinstance(details["message"], dict):
        yield {"field": path, "code": str(details["code"]), "message": str(details["message"])}
    elif isinstance(details, dict):
        for name, inner in details.items():
            yield from _flatten(inner, path if name == "non_field_errors" else f"{path}.{name}".lstrip("."))
    elif isinstance(details, list):
        for number, inner in enumerate(details):
            leaf = isinstance(inner, dict) and "message" in inner
            yield from _flatten(inner, path if leaf else f"{path}[{number}]")


def plain(exc: Exception) -> HttpResponse:
    """The same answer for views outside DRF. What nobody foresaw is raised again."""
    refusal = as_refusal(exc)
    if refusal is None:
        raise exc
    response = HttpResponse(json.dumps(body(refusal)), status=refusal.status, content_type=CONTENT_TYPE)
    for name, value in refusal.headers.items():
        response[name] = value
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    return plain(Refused("Something broke on our side; the trace id leads to it.", code="internal", status=500))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """What Django refuses before any view sees it."""
    if request.path.startswith("/api/"):
        detail = "The request cannot be read; send one JSON object as application/json."
        return plain(Refused(detail, code="bad_request", status=400))
    return HttpResponse("<h1>Bad request</h1>", status=400)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith("/api/"):
        return plain(Refused(f"There is nothing at {request.path}; see /api/docs/.", code="not_found", status=404))
    return HttpResponse("<h1>Not found</h1>", status=404)
