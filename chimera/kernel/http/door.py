"""The base of every API view: authenticate, authorise, then one transaction bound to the caller's tenant.

A refusal that is raised undoes the transaction; a refusal that is a ledger row is returned, and stays.
"""

import io
from collections.abc import Sequence
from typing import Any, ClassVar

import structlog
from django.core.exceptions import RequestDataTooBig
from django.http import HttpResponseBase
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from chimera.kernel import redis, tenancy
from chimera.kernel.errors import Refused
from chimera.kernel.http import problem
from chimera.kernel.http.asking import Known, check_asked
from chimera.kernel.idempotency import Once
from chimera.kernel.identity import Principal, Role


class Call(Request):
    """A request whose caller is known: every door has authenticated it before its handler runs."""

    user: Principal  # type: ignore[assignment]

    def _load_stream(self) -> None:
        """DRF goes by Content-Length alone, and would take a chunked body for none."""
        raw = _body(self)
        self._stream = io.BytesIO(raw) if raw else None  # type: ignore[assignment]


class Door(APIView):
    """`allow` maps a method to the roles that may call it, `knows` names what a GET may ask. Handlers run inside `tenancy.bound`."""

    allow: ClassVar[dict[str, frozenset[Role]]] = {}
    knows: ClassVar[Sequence[Known]] = ()  # the query parameters of GET; other methods take none
    nudges = True  # a write tells the relay that the log has grown
    own_transactions = False  # the handler opens its own, one per item; then a key is ignored
    replayed = False  # this call is answered as it was the first time, and does nothing

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.args, self.kwargs = args, kwargs
        self.headers: dict[str, str] = {}
        drf = self.initialize_request(request, *args, **kwargs)
        self.request = drf
        try:
            self.initial(drf, *args, **kwargs)
            response = self._answer(drf, self._keyed(drf), args, kwargs)
        except Exception as exc:
            response = self.handle_exception(exc)
        self.response = self.finalize_response(drf, response, *args, **kwargs)
        return self.response

    def initialize_request(self, request: Any, *args: Any, **kwargs: Any) -> Call:
        plain = super().initialize_request(request, *args, **kwargs)
        plain.__class__ = Call
        return plain  # type: ignore[return-value]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.check_asked(request)

    def check_asked(self, request: Request) -> None:
        check_asked(request, self.knows if request.method in {"GET", "HEAD"} else ())

    def prepare(self, request: Call, *args: Any, **kwargs: Any) -> None:
        """What must not wait inside the transaction, such as embedding a query; the caller is known and may come in."""

    def keeps(self, response: Response) -> bool:
        """Whether a keyed call's answer is kept, to be repeated."""
        return True

    def check_replay(self, request: Call, *args: Any, **kwargs: Any) -> None:
        """Raises where the first answer may be used no more, such as a secret after a stop. In the transaction, before every replay."""

    def afterwards(self, request: Call, response: Response) -> None:
        """What follows the commit: Redis, and sweeps with transactions of their own. Not after a replay."""

    def _keyed(self, request: Call) -> Once | None:
        key = request.headers.get("Idempotency-Key")
        if key is None or request.method != "POST" or self.own_transactions:
            return None
        # The body is kept by Django from now on; once `prepare` has parsed the stream it is gone.
        return Once(key=key, principal=request.user, method="POST", path=request.path, body=_body(request))

    def _answer(self, request: Call, once: Once | None, args: Any, kwargs: Any) -> Response:
        """Nothing is prepared, and nothing follows, when the answer is there already."""
        principal = request.user
        structlog.contextvars.bind_contextvars(
            tenant=str(principal.tenant_id), principal=f"{principal.kind}:{principal.id}"
        )
        if "task_id" in kwargs:
            structlog.contextvars.bind_contextvars(task=str(kwargs["task_id"]))
        if once:
            with tenancy.bound(principal.tenant_id):
                if prior := once.seen():
                    self.check_replay(request, *args, **kwargs)
                    return self._replay(prior)
        self.prepare(request, *args, **kwargs)
        response = self._in_transaction(request, once, args, kwargs)
        if not self.replayed:
            self.afterwards(request, response)
        return response

    def _in_transaction(self, request: Call, once: Once | None, args: Any, kwargs: Any) -> Response:
        method = (request.method or "").lower()
        handler = (
            getattr(self, method, self.http_method_not_allowed)
            if method in self.http_method_names
            else self.http_method_not_allowed
        )
        if self.own_transactions:
            response = handler(request, *args, **kwargs)
        else:
            with tenancy.bound(request.user.tenant_id):
                response = (
                    handler(request, *args, **kwargs)
                    if once is None
                    else self._once(request, once, handler, args, kwargs)
                )
        if self.nudges and method != "get":
            redis.nudge()
        return response  # type: ignore[no-any-return]

    def _once(self, request: Call, once: Once, handler: Any, args: Any, kwargs: Any) -> Response:
        """Look again, now that nobody else is at work on this key: the first call may have ended since `seen`."""
        if prior := once.prior():
            self.check_replay(request, *args, **kwargs)
            return self._replay(prior)
        response: Response = handler(request, *args, **kwargs)
        if self.keeps(response):
            once.keep(response.status_code, JSONRenderer().render(response.data))
        return response

    def _replay(self, prior: tuple[int, dict[str, Any]]) -> Response:
        self.replayed = True
        status, answer = prior
        return Response(answer, status=status, headers={"Idempotent-Replayed": "true"}, content_type=_type_of(status))

    def raise_uncaught_exception(self, exc: Exception) -> Any:
        raise exc


def _type_of(status: int) -> str | None:
    return problem.CONTENT_TYPE if status == 402 else None


def _body(request: Request) -> bytes:
    """The raw body, read before DRF's parser does, under the same bound."""
    try:
        return request._request.body
    except RequestDataTooBig:
        raise Refused("The body is too large; send less at once.", code="too_large", status=413) from None


def problem_response(*, status: int, code: str, detail: str, **extra: Any) -> Response:
    """A refusal that is a row: answered, not raised, so that the row stays."""
    return Response(
        problem.body(Refused(detail, code=code, status=status, extra=extra)),
        status=status,
        content_type=problem.CONTENT_TYPE,
    )
