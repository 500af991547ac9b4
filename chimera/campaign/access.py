"""Where Chimera is and who we are: given, or as `make up` wrote it to dev.json."""

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from chimera.campaign.calls import CallFailed


@dataclass(frozen=True)
class Access:
    url: str
    token: str
    kept: Path | None = None  # the dev.json it came from
    session: str | None = None  # the last one that a campaign began, as dev.json has it

    @classmethod
    def found(cls, home: Path, *, url: str = "", token: str = "") -> "Access":
        if bool(url) != bool(token):
            raise CallFailed("Give --url and --token together, or neither after `make up`.")
        if url:
            return cls(url, token)
        kept = home / "dev.json"
        try:
            known = json.loads(kept.read_text())
            return cls(known["base_url"], known["token"], kept, known.get("session"))
        except FileNotFoundError:
            raise CallFailed(f"There is no {kept}: start Chimera with `make up`, or give --url and --token.") from None
        except (ValueError, KeyError, TypeError):
            raise CallFailed(f"{kept} is damaged; start `make up` again, or give --url and --token.") from None

    def remember(self, *, session: str) -> None:
        """Name the session in dev.json, for whoever looks for the running campaign. Whole or not at all, 0600."""
        if self.kept is None:
            return
        known = json.loads(self.kept.read_text()) | {"session": session}
        fresh = self.kept.with_name(f".{self.kept.name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as written:
            written.write(json.dumps(known, indent=1) + "\n")
        fresh.replace(self.kept)
