"""Names of payees, categories and assets as rules compare them: in a normal form, so that spelling hides nothing."""

import re
from dataclasses import dataclass
from functools import lru_cache

from chimera.kernel.spelling import plain

_HOST = re.compile(r"[\w-]+(\.[\w-]+)+")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://(?:[^/?#@]*@)?([^/?#:@]+)")


def wildcard(entry: str) -> str | None:
    """`*.example.com` → `.example.com`; None for what is no wildcard before a host of two labels or more."""
    found = plain(entry)
    below = found.removeprefix("*.")
    return f".{below}" if found.startswith("*.") and _HOST.fullmatch(below) else None


@dataclass(frozen=True, slots=True)
class Names:
    """A list of entries, ready to be asked."""

    plain: frozenset[str]
    endings: tuple[str, ...]  # of its wildcards

    def mean(self, name: str, *, generous: bool = False) -> bool:
        """Whether an entry means this name. `generous` also looks at the host of an address, as who forbids it would.

        A wildcard means hosts and nothing else: `evil.example/.example.com` is none.
        """
        spellings = {plain(name)}
        if generous and (address := _ADDRESS.match(plain(name))):
            spellings.add(plain(address[1]))
        if not self.plain.isdisjoint(spellings):
            return True
        return any(spelling.endswith(self.endings) and _HOST.fullmatch(spelling) for spelling in spellings)


@lru_cache(maxsize=1024)
def names(entries: tuple[str, ...]) -> Names:
    endings = {entry: wildcard(entry) for entry in entries}
    return Names(
        frozenset(plain(entry) for entry, ending in endings.items() if ending is None),
        tuple(ending for ending in endings.values() if ending is not None),
    )
