"""Where the server is and who we are."""

import os
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from chimera_sdk.errors import ChimeraError


@dataclass(frozen=True)
class Access:
    """`url` is the server's root, without /api/v1. The key is not shown."""

    url: str
    key: str

    def __repr__(self) -> str:
        return f"Access({self.url!r})"

    @classmethod
    def of(cls, url: str | None, key: str | None) -> "Access":
        """What is not given comes from CHIMERA_URL and CHIMERA_KEY; ChimeraError when either is missing."""
        url, key = url or os.environ.get("CHIMERA_URL", ""), key or os.environ.get("CHIMERA_KEY", "")
        if not url.startswith(("http://", "https://")):
            raise ChimeraError("Set CHIMERA_URL, such as http://127.0.0.1:8000, or give `url`.")
        if not key:
            raise ChimeraError("Set CHIMERA_KEY (an agent's key, chm_…, or a personal token, chp_…), or give `key`.")
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
