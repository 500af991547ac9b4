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


def server_urls(folder: Path) -> dict[str, str]:
    """DATABASE_URL, DATABASE_OWNER_URL and REDIS_URL; '' for what is not known."""
    known: dict[str, Any] = {}
    written = folder / "servers.json"
    if written.exists():
        try:
            known = json.loads(written.read_text())
        except json.JSONDecodeError as error:
            raise ImproperlyConfigured(f"{written} is not JSON ({error}); delete it and run `make up`") from None
    return {name: text(name, str(known.get(name, ""))) for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL")}


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
