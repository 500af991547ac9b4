"""Personal data and secrets in a text: where they stand, half hidden, or masked. Pure.

A text is read as a reader sees it (`spelling.visible`), so that no spelling hides anything; numbers are checked by their check
digits. What is not looked for: names, postal addresses, addresses spelt out in words, what stands in pictures.
"""

from chimera.kernel.sensitive.finding import Span, Spotted, hidden, spans, spot
from chimera.kernel.sensitive.masking import masked
from chimera.kernel.sensitive.names import IN_WORDS, Pattern

__all__ = ["IN_WORDS", "Pattern", "Span", "Spotted", "hidden", "masked", "spans", "spot"]
