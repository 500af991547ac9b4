"""Who is told, on loopback: a real HTTP server that keeps what it was sent, and a real SMTP server."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from typing import Any

from aiosmtpd.controller import Controller
from standardwebhooks.webhooks import Webhook

from chimera.kernel.embedded import ports

LOOPBACK = [ip_network("127.0.0.0/8")]


@dataclass
class Receiver:
    """`answers` are statuses to give, the last one for good; `calls` what was sent."""

    port: int
    answers: list[int] = field(default_factory=lambda: [204])
    headers: dict[str, str] = field(default_factory=dict)  # of the answers
    calls: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks/0123456789abcdef"

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.calls]

    def said(self, number: int = -1) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.calls[number][1])
        return found

    def verified(self, secret: str, number: int = -1) -> Any:
        """As a receiver verifies it, by the standard's own library; raises where the signature is not the secret's."""
        headers, body = self.calls[number]
        return Webhook(secret).verify(body, headers)


@contextmanager
def listening(port: int = 0, into: Receiver | None = None) -> Iterator[Receiver]:
    """`into` goes on with what was kept before it went down."""
    receiver = into or Receiver(port or ports.choose())

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.calls.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(receiver.answers.pop(0) if len(receiver.answers) > 1 else receiver.answers[0])
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Says nothing: the test asserts on `calls`."""

    server = ThreadingHTTPServer(("127.0.0.1", receiver.port), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Mailbox:
    port: int
    mails: list[EmailMessage] = field(default_factory=list)
    refuses: str = ""  # an answer such as "550 no such person"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 kept"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if self.refuses:
            return self.refuses
        envelope.rcpt_tos.append(address)
        return "250 go on"


@contextmanager
def post_office(into: Mailbox | None = None) -> Iterator[Mailbox]:
    box = into or Mailbox(ports.choose())
    controller = Controller(box, hostname="127.0.0.1", port=box.port)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


def mail_by(settings: Any, box: Mailbox) -> None:
    """Have the settings name this server, over whatever the test run puts in its place."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", box.port
    settings.DEFAULT_FROM_EMAIL = "Chimera <chimera@acme.example>"
