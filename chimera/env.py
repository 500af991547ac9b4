"""Strict readers of the environment: a bad value stops the start and names its variable.

The servers' addresses come from the environment, or else from `servers.json` in CHIMERA_HOME, which `manage.py up`
writes for the servers it embeds, so that any other command finds them too.
"""

import json
import secrets
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

_env = environ.Env()


def text(name: str, default: str | None = None) -> str:
    value = _env.str(name, default=None)
    if value is None:
        value = default
    if value is None or "\x00" in value:
        raise ImproperlyConfigured(f"{name} must be set (see README, Configuration)")
    return str(value).strip()


def flag(name: str, default: bool) -> bool:
    raw = text(name, "true" if default else "false").lower()
    if raw not in {"true", "false", "1", "0"}:
        raise ImproperlyConfigured(f"{name} must be true or false, not {raw!r}")
    return raw in {"true", "1"}


def integer(name: str, default: int, *, least: int, most: int) -> int:
    raw = text(name, str(default))
    try:
        value = int(raw)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {raw!r}") from None
    if not least <= value <= most:
        raise ImproperlyConfigured(f"{name} must be between {least} and {most}, not {value}")
    return value


def seconds(name: str, default: float, *, most: float) -> float:
    """A length of time from zero on."""
    raw = text(name, str(default))
    try:
        value = float(raw)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a number of seconds, not {raw!r}") from None
    if not 0 <= value <= most:
        raise ImproperlyConfigured(f"{name} must be between 0 and {most} seconds, not {raw}")
    return value


def ratio(name: str, default: str) -> Decimal:
    """A share between 0 and 1, exact."""
    raw = text(name, default)
    try:
        value = Decimal(raw)
    except InvalidOperation:
        raise ImproperlyConfigured(f"{name} must be a decimal number, not {raw!r}") from None
    if not Decimal(0) <= value <= Decimal(1):
        raise ImproperlyConfigured(f"{name} must be between 0 and 1, not {raw}")
    return value


def words(name: str, default: str) -> list[str]:
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def networks(name: str, default: str) -> list[IPv4Network | IPv6Network]:
    """Networks and addresses, with commas: 10.1.0.0/16,127.0.0.1."""
    try:
        return [ip_network(word) for word in words(name, default)]
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must name networks such as 10.1.0.0/16: {error}") from None


EMAIL_SCHEMES = {"smtp": 25, "smtp+tls": 587, "smtp+ssl": 465}  # and the port where none is given


@dataclass(frozen=True, slots=True)
class MailServer:
    """No host: there is none."""

    host: str = ""
    port: int = 25
    user: str = ""
    password: str = ""
    scheme: str = "smtp"


def mail_server(name: str) -> MailServer:
    """From a URL: smtp+tls://user:password@host:587."""
    given = text(name, "")
    if not given:
        return MailServer()
    parts = urlsplit(given)
    try:
        port = parts.port or EMAIL_SCHEMES.get(parts.scheme, 0)
    except ValueError:
        port = 0
    if not port or not parts.hostname:
        raise ImproperlyConfigured(f"{name} must be a URL such as smtp+tls://user:password@host:587")
    return MailServer(parts.hostname, port, unquote(parts.username or ""), unquote(parts.password or ""), parts.scheme)


def home(base: Path) -> Path:
    """The folder of the embedded servers' data and of what `up` writes; CHIMERA_HOME or `.chimera/`."""
    path = Path(text("CHIMERA_HOME", str(base / ".chimera"))).expanduser()
    return path if path.is_absolute() else base / path


SERVERS = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL")
WEAVIATE = ("WEAVIATE_URL", "WEAVIATE_GRPC_URL", "WEAVIATE_API_KEY")


def server_urls(folder: Path) -> dict[str, str]:
    """SERVERS and WEAVIATE; '' for what is not known.

    What belongs to Weaviate comes from one place: the key of the embedded one is sent to no other.
    """
    known: dict[str, Any] = {}
    written = folder / "servers.json"
    if written.exists():
        try:
            known = json.loads(written.read_text())
        except json.JSONDecodeError as error:
            raise ImproperlyConfigured(f"{written} is not JSON ({error}); delete it and run `make up`") from None
    found = {name: text(name, str(known.get(name, ""))) for name in SERVERS}
    given = {name: text(name, "") for name in WEAVIATE}
    index = given if any(given.values()) else {name: str(known.get(name, "")) for name in WEAVIATE}
    return found | weaviate(*index.values())


GRPC_PORT = 50051  # Weaviate's own


def weaviate(url: str, grpc_url: str, api_key: str) -> dict[str, str]:
    """The three as they are used: gRPC is on the same host, where nothing else is said."""
    if not url and (grpc_url or api_key):
        raise ImproperlyConfigured("WEAVIATE_GRPC_URL and WEAVIATE_API_KEY need WEAVIATE_URL beside them")
    if url:
        host = _bare_url("WEAVIATE_URL", url, schemes=("http", "https"), port=8080)
        secure = url.startswith("https:")
        grpc_url = grpc_url or f"{'grpcs' if secure else 'grpc'}://{host}:{GRPC_PORT}"
        _bare_url("WEAVIATE_GRPC_URL", grpc_url, schemes=("grpc", "grpcs"), port=GRPC_PORT)
    return dict(zip(WEAVIATE, (url.rstrip("/"), grpc_url.rstrip("/"), api_key), strict=True))


def _bare_url(name: str, url: str, *, schemes: tuple[str, str], port: int) -> str:
    """Its host, where it is nothing but scheme, host and port."""
    parts = urlsplit(url)
    try:
        there = bool(parts.hostname) and parts.port != 0
    except ValueError:
        there = False
    if parts.scheme not in schemes or not there or parts.path.strip("/") or parts.query or parts.fragment:
        raise ImproperlyConfigured(
            f"{name} must be a URL such as {schemes[0]}://weaviate.example:{port}, or {schemes[1]}://…"
        )
    if parts.username or parts.password:
        raise ImproperlyConfigured(f"{name} must not hold a password; the key belongs into WEAVIATE_API_KEY")
    return f"[{parts.hostname}]" if ":" in str(parts.hostname) else str(parts.hostname)


def database(name: str, url: str) -> dict[str, Any]:
    """A DATABASES entry from a postgresql:// URL; an unset URL gives an entry that fails on first use, by name."""
    if not url:
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": "",
            "HOST": f"{name} is not set; run `make up` first",
        }
    if url.split("://", 1)[0] not in {"postgresql", "postgres"}:
        raise ImproperlyConfigured(f"{name} must be a postgresql:// URL")
    return dict(_env.db_url_config(url)) | {"ENGINE": "django.db.backends.postgresql"}


def secret_key(folder: Path) -> str:
    """CHIMERA_SECRET_KEY, or one made once and kept in the home folder, readable by its owner alone."""
    given = text("CHIMERA_SECRET_KEY", "")
    if given:
        if len(given) < 32:
            raise ImproperlyConfigured("CHIMERA_SECRET_KEY must have at least 32 characters")
        return given
    kept = folder / "secret_key"
    if not kept.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = folder / f"secret_key.{secrets.token_hex(4)}"
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(48))
        with suppress(FileExistsError):  # The first of two processes wins; both then read the same key.
            kept.hardlink_to(fresh)
        fresh.unlink()
    return kept.read_text().strip()
