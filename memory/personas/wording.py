"""A context in words. Every line that somebody else has written begins with >, so that none of them can look like a section of ours."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from memory.personas import honesty
from memory.personas.honesty import IN_WORDS, Contradiction
from memory.personas.packing import Part, Section, Wanted
from memory.personas.soul import Soul

PHRASES_SHOWN_MAX = 5  # of a persona's body that honesty names; all of them stand with the version


def fixed(soul: Soul, found: Sequence[Contradiction]) -> dict[Section, list[Part]]:
    """What every context of this persona begins with: honesty, then who it is and what it must do."""
    orders = [f"You speak as {quoted_inline(soul.name)}.", "Voice:", *(f"> {trait}" for trait in soul.voice_traits)]
    orders += ["Directives:", *(f"> {directive}" for directive in soul.directives)]
    return {
        Section.HONESTY: [Part("directive", honesty.DIRECTIVE), *_outranked(found)],
        Section.SOUL: [Part("directives", "\n".join(orders))],
    }


def body(soul: Soul) -> Wanted:
    """Its paragraphs."""
    paragraphs = [each for each in re.split(r"\n[ \t]*\n+", soul.body) if each.strip()]
    parts = [Part(f"paragraph {number}", quoted(text)) for number, text in enumerate(paragraphs, start=1)]
    return Wanted(parts, in_order=True)


def memory(row: Any, words: str, *, agent: str | None) -> Part:
    """A memory with when, by whom, of which kind, about whom and from where."""
    by = f"{agent} ({row.agent_role})" if agent else "a person"
    source = f", from {quoted_inline(row.source['file'])}" if row.source.get("file") else ""
    about = f", about {quoted_inline(row.subject)}" if row.subject else ""
    head = f"{_minute(row.created_at)}, {quoted_inline(by)}, {row.category}{about}{source}"
    return Part(str(row.pk), f"{head}:\n{quoted(words)}")


def task(row: Any, payload: str) -> Wanted:
    """Its description, then what it was given, as JSON."""
    parts = []
    if row.description.strip():
        parts.append(Part("description", quoted(row.description.strip()), may_be_cut=True))
    if payload:
        parts.append(Part("input_payload", f"Input:\n{quoted(payload)}", may_be_cut=True))
    return Wanted([Part("type", f"Its type is {quoted_inline(row.type)}."), *parts])


def in_time(shown: Sequence[Part], order: Mapping[str, int]) -> list[Part]:
    return sorted(shown, key=lambda part: order[part.id])


def quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())


def quoted_inline(text: str) -> str:
    """In one line, and in quotation marks that it has none of."""
    return "“" + " ".join(text.split()).translate({ord("“"): '"', ord("”"): '"'}) + "”"


def _outranked(found: Sequence[Contradiction]) -> list[Part]:
    if not found:
        return []
    named = [f"> {each.phrase} ({IN_WORDS[each.kind]})" for each in found[:PHRASES_SHOWN_MAX]]
    return [Part("outranked", "\n".join(["The persona below also says this, which does not hold:", *named]))]


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
