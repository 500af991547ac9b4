"""The front matter of a SOUL.md: a small part of YAML, read event by event, so that every fault has its line.

Of YAML's own types none is known: `no`, `1.0` and `2026-01-01` are texts. Anchors, aliases and tags are refused, so nothing is
built, repeated or called by what somebody uploads.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from chimera.kernel.errors import Refused

FIRST_LINE = 2  # of the front matter; its fence is the first


class Unreadable(Refused):
    """It is no SOUL.md."""


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    line: int
    key: str
    message: str


@dataclass(frozen=True, slots=True)
class Said:
    text: str
    line: int


@dataclass(slots=True)
class Front:
    texts: dict[str, Said] = field(default_factory=dict)
    lists: dict[str, list[Said]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


class _Hopeless(Exception):
    """After this fault nothing else can be read."""


def read_front(text: str, *, texts: Mapping[str, int], lists: Mapping[str, tuple[int, int]]) -> Front:
    """What stands under each key, and what is wrong with the rest."""
    reader = _Reader(text, texts, lists)
    try:
        reader.read()
    except _Hopeless:
        pass
    except yaml.MarkedYAMLError as error:
        at = error.problem_mark or error.context_mark
        line = at.line + FIRST_LINE if at else FIRST_LINE
        reader.front.faults.append(Fault(line, "soul", f"This is no YAML: {str(error.problem)[:200]}."))
    except yaml.YAMLError:
        reader.front.faults.append(Fault(FIRST_LINE, "soul", "This is no YAML: it has signs that YAML has not."))
    return reader.front


class _Reader:
    def __init__(self, text: str, texts: Mapping[str, int], lists: Mapping[str, tuple[int, int]]) -> None:
        self._events: Iterator[Any] = yaml.parse(text, Loader=yaml.BaseLoader)
        self._texts, self._lists = texts, lists
        self._seen: set[str] = set()
        self.front = Front()

    def read(self) -> None:
        begin = self._next()
        while isinstance(begin, yaml.StreamStartEvent | yaml.DocumentStartEvent):
            begin = self._next()
        if isinstance(begin, yaml.StreamEndEvent):
            return  # Nothing between the fences: all is missing.
        if not isinstance(begin, yaml.MappingStartEvent):
            self._stop(begin, "soul", "The front matter must be keys with values, as in `name: The Harbour Notebook`.")
        while not isinstance(key := self._next(), yaml.MappingEndEvent):
            self._entry(key)
        end = self._next()
        if not isinstance(end, yaml.DocumentEndEvent) or not isinstance(self._next(), yaml.StreamEndEvent):
            self._stop(end, "soul", "The front matter is one document; nothing may follow it but the line `---`.")

    def _next(self) -> Any:
        event = next(self._events)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            self._stop(
                event, "soul", "Anchors and aliases (`&`, `*`) are not read; write it out, or in quotation marks."
            )
        if getattr(event, "tag", None):
            self._stop(event, "soul", "Tags (`!`) are not read; write it in quotation marks.")
        return event

    def _entry(self, key: Any) -> None:
        if not isinstance(key, yaml.ScalarEvent):
            self._stop(key, "soul", "A key must be a word.")
        name, value = key.value, self._next()
        if name in self._seen:
            self._fault(key, name, f"`{name}` stands twice.")
            self._skip(value)
        elif name in self._texts:
            self._text(name, value)
        elif name in self._lists:
            self._list(name, value)
        else:
            known = ", ".join([*self._texts, *self._lists])
            self._fault(key, name[:60], f"There is no key `{name[:60]}`; the keys are {known}.")
            self._skip(value)
        self._seen.add(name)

    def _text(self, name: str, value: Any) -> None:
        if not isinstance(value, yaml.ScalarEvent):
            self._fault(value, name, f"`{name}` must be a text.")
            self._skip(value)
        elif said := self._said(name, value, self._texts[name]):
            self.front.texts[name] = said

    def _list(self, name: str, value: Any) -> None:
        if not isinstance(value, yaml.SequenceStartEvent):
            self._fault(value, name, f"`{name}` must be a list of texts, each in a line that begins with `-`.")
            self._skip(value)
            return
        entries_max, characters_max = self._lists[name]
        found: list[Said] = []
        count = 0
        while not isinstance(entry := self._next(), yaml.SequenceEndEvent):
            count += 1
            if not isinstance(entry, yaml.ScalarEvent):
                hint = "; put one with a colon in quotation marks" if isinstance(entry, yaml.MappingStartEvent) else ""
                self._fault(entry, name, f"`{name}` must be a list of texts{hint}.")
                self._skip(entry)
            elif said := self._said(name, entry, characters_max):
                found.append(said)
        if count > entries_max:
            self._fault(value, name, f"`{name}` has {count} entries; {entries_max} are allowed.")
        if count == 0:
            self._fault(value, name, f"`{name}` is empty; say at least one.")
        if found:
            self.front.lists[name] = found

    def _said(self, name: str, event: Any, characters_max: int) -> Said | None:
        text = " ".join(event.value.split())
        if not text:
            self._fault(event, name, f"`{name}` is empty.")
        elif len(text) > characters_max:
            self._fault(event, name, f"`{name}` has {len(text)} characters; {characters_max} are allowed.")
        else:
            return Said(text, event.start_mark.line + FIRST_LINE)
        return None

    def _skip(self, event: Any) -> None:
        """Past a value that is not wanted, whatever is in it."""
        depth = 0
        while True:
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth == 0:
                return
            event = self._next()

    def _fault(self, event: Any, key: str, message: str) -> None:
        self.front.faults.append(Fault(event.start_mark.line + FIRST_LINE, key, message))

    def _stop(self, event: Any, key: str, message: str) -> None:
        self._fault(event, key, message)
        raise _Hopeless
