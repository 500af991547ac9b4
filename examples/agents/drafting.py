"""A post out of findings: whole sentences of the sources, chosen by meaning and arranged within the platform's length.

Nothing is invented and nothing is rewritten. What somebody says of themselves stays in quotation marks.
"""

from dataclasses import dataclass

import numpy as np

from examples.agents import language, meaning
from examples.agents.finding import Finding
from examples.agents.nearness import nearness

NEARNESS_MIN = 0.25  # a sentence farther from the topic than this does not belong into the post
LEADER_SHARE = 0.6  # nor one much farther than the best: a short post is better than a filled one
STRANGER_SHARE = 0.75  # a sentence of another source has to be nearer, or it would come out of the blue
SOURCES_LINE_FROM = 600  # platforms with fewer characters cite in the result alone
PARAGRAPH_FROM = 400
CONCRETE_BONUS = 0.04


@dataclass(frozen=True)
class Order:
    """What a post shall be."""

    topic: str
    length: int  # characters, at most
    closing: str = ""
    avoid: tuple[str, ...] = ()
    turn: int = 0  # how many posts or attempts on the same topic came before: later ones look farther down the list


@dataclass(frozen=True)
class Post:
    text: str
    used: list[Finding]
    left_out: list[str]  # words to avoid that kept a finding out


def compose(order: Order, findings: list[Finding]) -> Post | None:
    """None when no finding both belongs to the topic and fits."""
    left_out = sorted({word for f in findings for word in language.holds_any(f.quote, list(order.avoid))})
    usable = [f for f in _distinct(findings) if not language.holds_any(f.quote, list(order.avoid))]
    room = order.length - (len(order.closing) + 2 if order.closing else 0)
    used: list[Finding] = []
    for finding in _ranked(order, usable):
        if len(_arranged(order, [*used, finding])) <= room:
            used.append(finding)
    if not used:
        return None
    return Post(_finished(order, used), used, left_out)


def _ranked(order: Order, findings: list[Finding]) -> list[Finding]:
    """What may go into the post, best first. Sentences that need the one before them only when there are no others."""
    whole = [f for f in findings if not language.is_dangling(f.quote)] or findings
    if not whole:
        return []
    contexts = [f.in_context for f in whole]
    vectors = meaning.encode(contexts)
    worth = nearness(contexts, vectors, [order.topic])[:, 0]
    worth += np.array([CONCRETE_BONUS * language.is_concrete(f.quote) for f in whole], dtype=np.float32)
    leader = int(np.argmax(worth))
    least = {True: LEADER_SHARE * worth[leader], False: STRANGER_SHARE * worth[leader]}
    ranked = [
        index
        for index in meaning.choose(vectors, worth, len(whole), diversity=0.2)
        if worth[index] >= max(NEARNESS_MIN, least[whole[index].file == whole[leader].file])
    ]
    shift = order.turn % len(ranked) if ranked else 0
    return [whole[index] for index in ranked[shift:] + ranked[:shift]]


def _distinct(findings: list[Finding]) -> list[Finding]:
    seen: dict[str, Finding] = {}
    for finding in findings:
        seen.setdefault(finding.quote, finding)
    return list(seen.values())


def _arranged(order: Order, used: list[Finding]) -> str:
    """The strongest source first, each source in its own order."""
    files = list(dict.fromkeys(f.file for f in used))
    parts = [
        " ".join(_said(f) for f in sorted((u for u in used if u.file == file), key=lambda f: f.sentence))
        for file in files
    ]
    return ("\n\n" if order.length >= PARAGRAPH_FROM else " ").join(parts)


def _said(finding: Finding) -> str:
    if not language.is_first_person(finding.quote) or finding.quote.startswith(('"', "“")):
        return finding.quote
    return f"“{finding.quote}” ({finding.source_name})"


def _finished(order: Order, used: list[Finding]) -> str:
    gap = "\n\n" if order.length >= PARAGRAPH_FROM else " "
    text = _arranged(order, used) + (gap + order.closing if order.closing else "")
    names = ", ".join(dict.fromkeys(f.source_name for f in used))
    line = f"{gap}From: {names}."
    return text + line if order.length >= SOURCES_LINE_FROM and len(text) + len(line) <= order.length else text
