"""The door of searching, and the quick way in front of it."""

import re
from dataclasses import asdict
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from chimera.flows.check_memory import check_memory
from chimera.kernel import tenancy
from chimera.kernel.bridge import Busy, Threads
from chimera.kernel.http import problem
from chimera.kernel.http.door import Call, Door
from chimera.kernel.http.parsing import read_object
from chimera.kernel.http.permissions import ANYONE
from chimera.kernel.http.quick import Leave, QuickCall, Reply, Way, refused
from chimera.kernel.http.shapes import shown
from chimera.kernel.identity import Principal
from memory import explaining, search
from memory.ranking import WEIGHTS, Mode
from memory.search import Question
from memory.serializers.memories import SearchBody, SearchShape

FILTERS = ("category", "session", "agent_role", "persona", "agent", "since", "until", "as_of")
AT_ONCE_MAX = (
    4  # of the quick ones in a process, each of which may wait for an embedder; the door takes those that come on top
)


class MemorySearch(Door):
    allow: ClassVar = {"POST": ANYONE}
    nudges = False

    def prepare(self, request: Call) -> None:
        """Before the transaction: the query is embedded."""
        self.said = _read(request.data)
        self.question = _asked(self.said, request.user)

    @extend_schema(operation_id="memories_search", request=SearchBody, responses={200: SearchShape})
    def post(self, request: Call) -> Response:
        """What is remembered about a query, best first; frozen with the `task` that an agent names with its lease token."""
        return Response(_answered(self.said, self.question, request.user))


def _read(body: Any) -> dict[str, Any]:
    said = SearchBody(data=body)
    said.is_valid(raise_exception=True)
    return dict(said.validated_data)


def _asked(said: dict[str, Any], principal: Principal) -> Question:
    return search.ask(text=said["query"], mode=Mode(said["mode"]), tenant_id=principal.tenant_id)


def _answered(said: dict[str, Any], question: Question, principal: Principal, *, last: bool = False) -> dict[str, Any]:
    filters = {name: said[name] for name in FILTERS}
    checked = check_memory(
        principal=principal,
        question=question,
        limit=said["limit"],
        task_id=said["task"],
        lease_token=said["lease_token"],
        last=last,
        **filters,
    )
    answer = {
        "results": explaining.explained(checked.found),
        "mode": question.mode,
        "weights": asdict(WEIGHTS[question.mode]),
        "scale": explaining.scale(checked.found),
        "index": explaining.answered(checked.found),
        "embedding": question,
        "task": checked.task_id,
    }
    return shown(SearchShape, answer)


# ------------------------------------------------------------------ the quick way

_threads = Threads(AT_ONCE_MAX, "searching")


async def find(call: QuickCall) -> bytes | Reply:
    """A search that is frozen with no task writes nothing, and may be asked twice. What it waited for in vain the door does not wait for
    anew."""
    body = read_object(call.body)
    if body.get("task") is not None or body.get("lease_token") is not None:
        raise Leave
    try:
        return await call.unless_gone(_threads.call(_found, body, call.principal))
    except Busy:
        raise Leave from None
    except Exception as fault:
        refusal = problem.as_refusal(fault)
        if refusal is None or refusal.status != 503:
            raise
        return refused(refusal)


def _found(body: dict[str, Any], principal: Principal) -> bytes:
    said = _read(body)
    question = _asked(said, principal)
    with tenancy.bound(principal.tenant_id):
        answer = _answered(said, question, principal, last=True)
    rendered: bytes = JSONRenderer().render(answer)
    return rendered


WAYS = [Way(re.compile("/api/v1/memories/search"), ANYONE, find)]
