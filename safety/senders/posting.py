"""One signed post to a webhook: to the address that was looked at, without proxies or redirects, within TIMEOUT_SECONDS in all.

The answer's body is not read: nobody needs it, and what stands in it would be a window into whatever answered.
"""

import ssl
import time
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import httpcore
import httpx
import structlog

from safety.senders import addresses
from safety.senders.outcome import Outcome, refused

log = structlog.get_logger()
TIMEOUT_SECONDS = (
    10.0  # of name, connection, sending and answer together; who needs longer should answer first and work later
)
WAIT_SECONDS_MAX = 3600  # what a receiver may ask for by Retry-After
AGENT = "Chimera-Webhooks/1"


def post(url: str, *, body: bytes, headers: Mapping[str, str]) -> Outcome:
    """Raises nothing that a receiver could bring about."""
    sent = [("content-type", "application/json"), ("user-agent", AGENT), *headers.items()]
    try:
        with httpcore.ConnectionPool(
            ssl_context=_trusted(), max_connections=1, network_backend=_Guarded(secure=url.startswith("https:"))
        ) as pool:
            with pool.stream("POST", url, headers=sent, content=body) as response:
                return _outcome(response.status, response.headers)
    except addresses.Forbidden as why:
        log.warning("webhook_forbidden", host=httpx.URL(url).host)
        return refused(str(why), final=True)
    except addresses.Unresolved as why:
        return refused(str(why))
    except httpcore.TimeoutException:
        return refused(f"No answer within {TIMEOUT_SECONDS:g} seconds.")
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol) as fault:
        return refused(f"No answer: {str(fault) or type(fault).__name__}")


def _outcome(status: int, headers: Iterable[tuple[bytes, bytes]]) -> Outcome:
    if 200 <= status < 300:
        return Outcome(True, status_code=status)
    if 300 <= status < 400:
        return refused(f"It answered {status}; redirects are not followed.", status_code=status)
    if status == 410:
        return refused("It answered 410: it wants no more of these.", status_code=status, final=True)
    return refused(f"It answered {status}.", status_code=status, wait_seconds=_asked_for(headers))


def _asked_for(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    """Retry-After in seconds; as a date it is not read."""
    for name, value in headers:
        if name.lower() == b"retry-after" and value.isdigit() and len(value) < 10:
            return min(int(value), WAIT_SECONDS_MAX)
    return None


@cache
def _trusted() -> ssl.SSLContext:
    return httpx.create_ssl_context()  # SSL_CERT_FILE where that is set, else certifi's


class _Guarded(httpcore.NetworkBackend):
    """Connects to what the name stands for now, if it may; all that follows ends with the deadline."""

    def __init__(self, *, secure: bool) -> None:
        self._secure, self._deadline = secure, time.monotonic() + TIMEOUT_SECONDS

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        """Each of its addresses in turn, none of which may use up the time of those after it."""
        fault: Exception = httpcore.ConnectError(f"{host} leads nowhere")
        found = addresses.resolve(host, port, secure=self._secure)
        for number, address in enumerate(found):
            share = _left(self._deadline) / (len(found) - number)
            try:
                stream = httpcore.SyncBackend().connect_tcp(str(address), port, timeout=share)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as refusal:
                fault = refusal
            else:
                return _Bounded(stream, self._deadline)
        raise fault


class _Bounded(httpcore.NetworkStream):
    """A stream none of whose steps goes beyond the deadline: who drips a byte a second is not waited for."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._deadline))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Bounded(self._stream.start_tls(ssl_context, server_hostname, _left(self._deadline)), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the time is over")
    return left
