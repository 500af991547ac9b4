"""The door of many memories at once: each on its own, in one transaction.

Memories do not build on one another as tasks do, and a repeated one adds nothing: so what can be kept is kept, and what is refused says
why in its place. Its call may be repeated whole.
"""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from chimera.kernel.errors import Refused
from chimera.kernel.http.door import Call, Door
from chimera.kernel.http.problem import as_refusal
from memory import actions
from memory.actions.keeping import Kept
from memory.actions.records import NewMemory
from memory.api.memories import WRITERS, new_of, seen_by
from memory.serializers.memories import MemoryBatchBody, MemoryOutcomesShape, NewMemoryBody


class MemoryBatch(Door):
    allow: ClassVar = {"POST": WRITERS}

    @extend_schema(operation_id="memories_create_many", request=MemoryBatchBody, responses={200: MemoryOutcomesShape})
    def post(self, request: Call) -> Response:
        """Keep up to 500 memories, each on its own: one that is refused keeps the others from nothing."""
        said = MemoryBatchBody.read(request.data)["memories"]
        read = [_read(each, request) for each in said]
        new = [each for each in read if isinstance(each, NewMemory)]
        kept = iter(_as_seen(request, actions.add_all(new=new, by=request.user.actor)))
        outcomes = [_outcome(each if isinstance(each, Refused) else next(kept)) for each in read]
        return Response(MemoryOutcomesShape({"outcomes": outcomes}).data)


def _read(said: Any, request: Call) -> NewMemory | Refused:
    try:
        return new_of(NewMemoryBody.read(said), request.user)
    except ValidationError as error:
        refusal = as_refusal(error)
        assert refusal is not None
        return refusal


def _as_seen(request: Call, answers: list[Kept | Refused]) -> list[Kept | Refused]:
    kept = iter(seen_by(request.user, [each for each in answers if isinstance(each, Kept)]))
    return [next(kept) if isinstance(each, Kept) else each for each in answers]


def _outcome(answer: Kept | Refused) -> dict[str, Any]:
    if isinstance(answer, Kept):
        return {"came": str(answer.came), "memory": answer.memory, "error": None}
    return {"came": None, "memory": None, "error": answer}
