"""What is decided about, as far as it is known."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from chimera.kernel.sensitive import Pattern, Spotted, spot
from chimera.kernel.spelling import visible
from chimera.kernel.unwrapping import unwrapped
from safety.policies.rules import Kind
from safety.policies.spelling import spelled
from safety.topics import Touched, surely

TEXT_MAX = 2_000_000  # characters looked at, about half a second; what is longer goes to a person unread

APPLY: Mapping[Kind, frozenset[str]] = {  # what a rule may ask about each; other conditions do not hold for it
    Kind.RESULT: frozenset(
        {"subjects", "task_types", "roles", "risk_tiers", "confidence", "topics", "patterns", "trust", "hours"}
    ),
    Kind.ACTION: frozenset(
        {
            "subjects",
            "task_types",
            "roles",
            "risk_tiers",
            "topics",
            "patterns",
            "tools",
            "amount_usd",
            "payees",
            "trust",
            "hours",
        }
    ),
    Kind.SPEND: frozenset(
        {
            "subjects",
            "task_types",
            "roles",
            "risk_tiers",
            "topics",
            "patterns",
            "amount_usd",
            "payees",
            "trust",
            "hours",
        }
    ),
}


@dataclass(frozen=True, kw_only=True)
class Subject:
    """`text` is what it would tell the world; `topics` says what that touches, and may cost a millisecond a sentence. `kept` is
    all of it that is kept, as JSON: there patterns are looked for; None where that is the text.

    None is what nobody has looked up, or the agent did not say: it then counts against the subject in every rule.
    """

    kind: Kind
    at: datetime
    task_type: str | None = None
    role: str | None = None
    risk_tier: int | None = None
    text: str = ""
    kept: Any = field(default=None, repr=False)
    topics: Callable[[str], tuple[Touched, ...]] = field(default=surely, repr=False)
    confidence: Decimal | None = None
    tool: str = ""
    amount_usd: Decimal = Decimal(0)
    payee: str = ""
    trust: Decimal | None = None

    @cached_property
    def seen(self) -> str:
        """The text as a reader sees it, as far as it is looked at."""
        return visible(self.text[:TEXT_MAX])

    @cached_property
    def seen_in_all(self) -> str:
        """The same of all that is kept of it, names beside values; and what of it is wrapped, such as ann%40example.com."""
        kept = self.seen if self.kept is None else visible(self._spelled[:TEXT_MAX])
        return "\n".join([kept, *map(visible, unwrapped(kept))])

    def spotted(self, pattern: Pattern) -> Spotted | None:
        """Looked for once, however many rules ask."""
        if pattern not in self._spotted:
            self._spotted[pattern] = spot(self.seen_in_all, pattern)
        return self._spotted[pattern]

    @cached_property
    def _spotted(self) -> dict[Pattern, Spotted | None]:
        return {}

    @cached_property
    def _spelled(self) -> str:
        return spelled(self.kept)

    @cached_property
    def touched(self) -> tuple[Touched, ...]:
        return self.topics(self.seen)

    @property
    def too_long(self) -> bool:
        return len(self.text) > TEXT_MAX

    @property
    def too_long_in_all(self) -> bool:
        return self.too_long or (self.kept is not None and len(self._spelled) > TEXT_MAX)
