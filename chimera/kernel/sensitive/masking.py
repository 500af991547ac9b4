"""A text without the sensitive things in it."""

from collections.abc import Collection

from chimera.kernel.sensitive.finding import Span, spans
from chimera.kernel.sensitive.names import Pattern
from chimera.kernel.spelling import visible

# Where two overlap the mask bears the name of the earlier: what can be used comes before what can be known.
_ORDER = (
    Pattern.PRIVATE_KEY,
    Pattern.TOKEN,
    Pattern.KEY,
    Pattern.PASSWORD,
    Pattern.CARD,
    Pattern.IBAN,
    Pattern.SSN,
    Pattern.EMAIL,
    Pattern.PHONE,
)


def masked(text: str, patterns: Collection[Pattern]) -> tuple[str, tuple[Pattern, ...]]:
    """The text with `[masked pii.email]` in the place of what was found, and the kinds of it, sorted.

    A text in which none of `patterns` stands comes back as it was; another as a reader sees it (`spelling.visible`). All kinds are
    looked for in any case, so that what is part of something else, such as the digits of an account, is not taken for itself.
    """
    seen = visible(text)
    found = [span for span in _all(seen) if span.pattern in patterns]
    if not found:
        return text, ()
    out, at = [], 0
    for span in found:
        out += [seen[at : span.begin], f"[masked {span.pattern}]"]
        at = span.end
    return "".join([*out, seen[at:]]), tuple(sorted({span.pattern for span in found}))


def _all(seen: str) -> list[Span]:
    return _merged([span for pattern in _ORDER for span in spans(seen, pattern)])


def _merged(found: list[Span]) -> list[Span]:
    """Without overlaps, in order."""
    whole: list[Span] = []
    for span in sorted(found, key=lambda span: (span.begin, -span.end)):
        last = whole[-1] if whole else None
        if last is None or span.begin >= last.end:
            whole.append(span)
            continue
        first = min((last, span), key=lambda one: _ORDER.index(one.pattern))
        whole[-1] = Span(first.pattern, last.begin, max(last.end, span.end))
    return whole
