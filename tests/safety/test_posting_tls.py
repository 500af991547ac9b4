"""Over TLS the certificate must be the name's, though the connection goes to an address."""

import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from safety.senders import posting
from tests.safety.receiver import LOOPBACK


def certificate(name: str, folder: Path) -> Path:
    """Certificate and key of this name, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    who, at = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - timedelta(days=1))
        .not_valid_after(at + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / f"{name}.pem"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def receiver(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """An https server whose certificate is localhost's, and trusted; its port."""
    settings.NOTIFY_NETWORKS = LOOPBACK
    pem = certificate("localhost", tmp_path)
    trusting = ssl.create_default_context(cafile=str(pem))
    monkeypatch.setattr(posting, "_trusted", lambda: trusting)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.handle_error = lambda *args: None  # type: ignore[method-assign]  # a client that trusts it not
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join(10)


def test_the_certificate_of_the_name_is_asked_for(receiver: int) -> None:
    assert posting.post(f"https://localhost:{receiver}/", body=b"{}", headers={}).taken


def test_a_certificate_of_another_name_is_refused(receiver: int) -> None:
    outcome = posting.post(f"https://127.0.0.1:{receiver}/", body=b"{}", headers={})
    assert (outcome.taken, "certificate" in outcome.detail.lower()) == (False, True)


def test_a_certificate_that_nobody_vouches_for_is_refused(receiver: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    outcome = posting.post(f"https://localhost:{receiver}/", body=b"{}", headers={})
    assert (outcome.taken, "certificate" in outcome.detail.lower()) == (False, True)
