"""Recognise topics: safety weighs, memory's offline model makes the vectors.

What was found in a text is kept by the text's hash, so whoever may wait looks before the transaction, and the transaction finds it there.
"""

import hashlib
from collections import OrderedDict
from threading import Lock

from memory.embedders import offline
from safety import topics
from safety.topics import Touched

KEPT_MAX = 4_096  # texts; each keeps its hash and what was found
_kept: OrderedDict[bytes, tuple[Touched, ...]] = OrderedDict()
_keeping = Lock()


def recognise(text: str) -> tuple[Touched, ...]:
    """Every topic that a text touches. A new one costs up to two milliseconds a passage, of which there are at most 128, and 64 clauses."""
    name = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    with _keeping:
        if name in _kept:
            _kept.move_to_end(name)
            return _kept[name]
    found = topics.recognise(text, offline().embed)
    with _keeping:
        _kept[name] = found
        while len(_kept) > KEPT_MAX:
            _kept.popitem(last=False)
    return found
