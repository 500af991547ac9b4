"""Where the server is and who we are."""

import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from chimera_sdk.errors import ChimeraError

_KEY = re.compile(
    r"ch[mp]_[!-~]{1,196}", re.ASCII
)  # what the server would look up; anything else it does not know either


@dataclass(frozen=True)
class Access:
    """`url` is the server's root, without /api/v1. The key is not shown."""

    url: str
    key: str

    def __repr__(self) -> str:
        return f"Access({self.url!r})"

    @classmethod
    def of(cls, url: str | None, key: str | None) -> "Access":
        """What is not given comes from CHIMERA_URL and CHIMERA_KEY; ChimeraError when either is missing, or cannot be one.

        The space and the line's end that come along from a file are left out. What is said never shows the key.
        """
        url = (url or os.environ.get("CHIMERA_URL", "")).strip()
        key = (key or os.environ.get("CHIMERA_KEY", "")).strip()
        if not _leads_somewhere(url):
            raise ChimeraError("Set CHIMERA_URL, such as http://127.0.0.1:8000, or give `url`.")
        if not key:
            raise ChimeraError("Set CHIMERA_KEY (an agent's key, chm_…, or a personal token, chp_…), or give `key`.")
        if not _KEY.fullmatch(key):
            raise ChimeraError(
                "CHIMERA_KEY, or `key`, is no key: one begins with chm_ (an agent's) or chp_ (a personal token), "
                "and is plain characters without a space."
            )
        return cls(url.rstrip("/"), key)

    @property
    def api(self) -> str:
        return f"{self.url}/api/v1/"

    @property
    def socket(self) -> str:
        parts = urlsplit(self.url)
        scheme = "wss" if parts.scheme == "https" else "ws"
        return urlunsplit((scheme, parts.netloc, f"{parts.path}/ws/agents/", "", ""))

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


def _leads_somewhere(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # a port or an address that is none
        return False
