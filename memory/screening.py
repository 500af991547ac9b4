"""What becomes of personal data and secrets in what is to be remembered. Pure; the tenant's policy is read by actions.policies."""

from collections.abc import Mapping
from enum import StrEnum

from chimera.kernel.errors import Refused
from chimera.kernel.sensitive import IN_WORDS, Pattern, masked


class Deed(StrEnum):
    REFUSE = "refuse"  # nothing of it is kept
    MASK = "mask"  # kept without it: [masked pii.email]
    KEEP = "keep"


Deeds = Mapping[Pattern, Deed]
# Who has a secret can use it, and a card can be charged; the rest says of whom something is remembered.
USUAL: Deeds = {
    pattern: Deed.REFUSE if pattern.startswith("secret.") or pattern is Pattern.CARD else Deed.MASK
    for pattern in Pattern
}


class Sensitive(Refused):
    """It says what stands in which field, and nothing of the value."""

    def __init__(self, found: Mapping[str, tuple[Pattern, ...]]) -> None:
        self.patterns = tuple(sorted({pattern for patterns in found.values() for pattern in patterns}))
        said = "; ".join(f"`{name}` has {_words(patterns)}" for name, patterns in found.items())
        errors = [
            {"field": name, "code": str(pattern), "message": f"Has {IN_WORDS[pattern]}."}
            for name, patterns in found.items()
            for pattern in patterns
        ]
        super().__init__(
            f"{said}, which this tenant's memory does not take: leave it out, and keep what it is for. Nothing was stored.",
            code="sensitive",
            status=422,
            errors=errors,
        )


def screened(fields: Mapping[str, str], deeds: Deeds) -> tuple[dict[str, str], tuple[Pattern, ...]]:
    """The fields without what is to be masked, and the kinds of it, sorted. Raises Sensitive for what is refused."""
    clean: dict[str, str] = {}
    found: set[Pattern] = set()
    refused: dict[str, tuple[Pattern, ...]] = {}
    looked_for = {pattern for pattern, deed in deeds.items() if deed is not Deed.KEEP}
    for name, text in fields.items():
        clean[name], kinds = masked(text, looked_for)
        found.update(kinds)
        if forbidden := tuple(kind for kind in kinds if deeds[kind] is Deed.REFUSE):
            refused[name] = forbidden
    if refused:
        raise Sensitive(refused)
    return clean, tuple(sorted(found))


def without(text: str, deeds: Deeds) -> str:
    """The same of a text that is not refused for it, such as a question: what others refuse is masked here."""
    return masked(text, {pattern for pattern, deed in deeds.items() if deed is not Deed.KEEP})[0]


def _words(patterns: tuple[Pattern, ...]) -> str:
    return " and ".join(IN_WORDS[pattern] for pattern in patterns)
