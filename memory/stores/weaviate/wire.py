"""The way to Weaviate: REST for what the schema is about, gRPC for objects and searches.

Every call has a deadline of its own, and none is repeated: whoever calls knows what to do instead. The client library's
own calls repeat what fails for up to a quarter of a minute, so of it only the messages of the protocol are used.
"""

import os
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
from django.conf import settings

if TYPE_CHECKING:
    from memory.stores.weaviate.protocol import base_pb2, batch_pb2, search_get_pb2

LOOK_SECONDS = 2.0  # of a call that reads what the schema says
CHANGE_SECONDS = 20.0  # of one that changes it, which nodes agree upon
PUSH_SECONDS = 10.0  # of a batch of objects; less than a transaction may stand idle
GRPC_PORT = 50051  # where the URL names none
MESSAGE_BYTES_MAX = 64 * 1024 * 1024  # a batch of 250 memories has some 6 MB; an answer of ids a few kB


class IndexAway(Exception):
    """It cannot be reached, is too slow, or refuses a call as a whole."""


class UnknownTenant(IndexAway):
    """It has nothing of this tenant, not even its name."""


class UnknownClass(IndexAway):
    """It has no such collection."""


class Wire:
    """One server, for the threads of one process."""

    def __init__(self, url: str, grpc_url: str, key: str) -> None:
        self.url, self._grpc_url = url, grpc_url
        self._bearer = {"Authorization": f"Bearer {key}"} if key else {}

    # --- REST

    @cached_property
    def _http(self) -> httpx.Client:
        return httpx.Client(base_url=f"{self.url}/v1", headers=self._bearer, trust_env=False)

    def rest(
        self, method: str, path: str, body: Any = None, *, seconds: float = LOOK_SECONDS, absent: bool = False
    ) -> Any:
        """What it answers, as JSON; None for no body, or where it knows no such thing and that may be (`absent`)."""
        try:
            answer = self._http.request(method, path, json=body, timeout=seconds)
        except httpx.HTTPError as error:
            raise IndexAway(f"{method} {path}: {type(error).__name__}: {error}") from error
        if answer.status_code == 404 and absent:
            return None
        if answer.is_error:
            raise IndexAway(f"{method} {path}: {answer.status_code} {_said(answer)}")
        return answer.json() if answer.content else None

    # --- gRPC

    @cached_property
    def _stub(self) -> Any:
        import grpc

        from memory.stores.weaviate.protocol import weaviate_pb2_grpc

        parts = urlsplit(self._grpc_url)
        there = f"{parts.hostname}:{parts.port or GRPC_PORT}"
        options = [
            ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
            ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
            ("grpc.enable_http_proxy", 0),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 1_000),
        ]
        if parts.scheme == "grpcs":
            channel = grpc.secure_channel(there, grpc.ssl_channel_credentials(), options)
        else:
            channel = grpc.insecure_channel(there, options)
        return weaviate_pb2_grpc.WeaviateStub(channel)  # type: ignore[no-untyped-call]

    @property
    def _metadata(self) -> list[tuple[str, str]]:
        return [(name.lower(), value) for name, value in self._bearer.items()]

    def search(self, requests: "Sequence[search_get_pb2.SearchRequest]", *, seconds: float) -> list[UUID]:
        """The ids that they find, one request's after the other's, each the best first; there is one at least. All are under way at the
        same time; the last is waited for in this thread, which hears of it half a millisecond sooner."""
        said = {"timeout": seconds, "metadata": self._metadata}
        *others, last = requests
        calls = [self._stub.Search.future(request, **said) for request in others]
        try:
            found = _heard(lambda: self._stub.Search(last, **said))
            replies = [*map(_awaited, calls), found]
        finally:
            for call in calls:
                call.cancel()  # nobody waits for it any more, if it is still under way
        try:
            return [UUID(one.metadata.id) for reply in replies for one in reply.results]
        except ValueError as error:
            raise IndexAway(f"an answer with {error}") from None

    def push(self, objects: "Sequence[batch_pb2.BatchObject]") -> dict[UUID, str]:
        """Write objects over those of the same id; answers which of them it refused, and why."""
        from memory.stores.weaviate.protocol import batch_pb2

        request = batch_pb2.BatchObjectsRequest(objects=objects)
        reply = _awaited(self._stub.BatchObjects.future(request, timeout=PUSH_SECONDS, metadata=self._metadata))
        return {UUID(objects[fault.index].uuid): fault.error for fault in reply.errors}

    def drop(self, *, collection: str, tenant: str, filters: "base_pb2.Filters") -> int:
        """Delete what passes the filters; answers how many could not be."""
        from memory.stores.weaviate.protocol import batch_delete_pb2

        request = batch_delete_pb2.BatchDeleteRequest(collection=collection, tenant=tenant, filters=filters)
        reply = _awaited(self._stub.BatchDelete.future(request, timeout=PUSH_SECONDS, metadata=self._metadata))
        return int(reply.failed)


def _awaited(call: Any) -> Any:
    return _heard(call.result)


def _heard(answer: Callable[[], Any]) -> Any:
    import grpc

    try:
        return answer()
    except grpc.RpcError as error:
        raise _named(error) from None
    except grpc.FutureTimeoutError as error:
        raise IndexAway("no answer in time") from error


def _named(error: Any) -> IndexAway:
    said = f"{error.code().name}: {str(error.details())[:500]}"
    if "tenant not found" in said:
        return UnknownTenant(said)
    if "could not find class" in said:
        return UnknownClass(said)
    return IndexAway(said)


def _said(answer: httpx.Response) -> str:
    try:
        return "; ".join(str(error["message"]) for error in answer.json()["error"])[:500]
    except (ValueError, KeyError, TypeError):
        return answer.text[:500]


def is_configured() -> bool:
    return bool(settings.WEAVIATE_URL)


def wire() -> Wire:
    """The server that the settings name."""
    return _wire(os.getpid(), settings.WEAVIATE_URL, settings.WEAVIATE_GRPC_URL, settings.WEAVIATE_API_KEY)


@lru_cache(maxsize=4)
def _wire(process: int, url: str, grpc_url: str, key: str) -> Wire:
    """One for each process: a fork's child does not talk on its parent's connections."""
    return Wire(url, grpc_url, key)
