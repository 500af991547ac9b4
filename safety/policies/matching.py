"""Whether a rule holds for a subject, and the words in which it says so.

What is not known about a subject counts against it: it makes rules hold that deny or ask, and keeps those that allow from it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from chimera.kernel.http.parsing import money_text
from chimera.kernel.sensitive import IN_WORDS
from safety.policies.rules import Rule, Shares, Then, When
from safety.policies.subject import APPLY, Subject
from safety.policies.values import means, resembles
from safety.topics import TOPICS


@dataclass(frozen=True, slots=True)
class Match:
    """The condition that tells most, as a code and words, and what showed it."""

    code: str
    said: str
    evidence: str = ""


def match(rule: Rule, subject: Subject) -> Match | None:
    """The rule's match, or None where one of its conditions does not hold. What costs most is asked last."""
    if not _plain(rule, subject):
        return None
    found = _words(rule, subject)
    if found is None:
        return None
    return found[0] if found else _said(rule.when, subject)


def might_match(rule: Rule, subject: Subject) -> bool:
    """The same, but that the text is not read: where a rule asks about it, it might hold."""
    return _plain(rule, subject)


def _plain(rule: Rule, subject: Subject) -> bool:
    when, unknown = rule.when, rule.then is not Then.ALLOW
    if not when.given <= APPLY[subject.kind]:
        return False
    return all(condition(when, subject, unknown) for name, condition in _CONDITIONS.items() if name in when.given)


def _one_of(wanted: Iterable[str] | None, name: str | None, unknown: bool) -> bool:
    return unknown if name is None else any(means(glob, name) for glob in wanted or ())


def _named(wanted: Iterable[str] | None, name: str | None, unknown: bool) -> bool:
    """Of tools and payees, whose names agents choose: what only looks like one that is named counts against it, too."""
    if name is None or not unknown:
        return _one_of(wanted, name, unknown)
    return any(resembles(glob, name) for glob in wanted or ())


def _shares(wanted: Shares | None, value: Decimal | None, unknown: bool) -> bool:
    return unknown if value is None else wanted is not None and wanted.hold(value)


def _payee(subject: Subject) -> str | None:
    """Whoever pays and does not say whom has left it out; what costs nothing pays nobody."""
    return None if not subject.payee and subject.amount_usd else subject.payee


_CONDITIONS: dict[str, Callable[[When, Subject, bool], bool]] = {
    "subjects": lambda when, it, _: it.kind in (when.subjects or ()),
    "task_types": lambda when, it, unknown: _one_of(when.task_types, it.task_type, unknown),
    "roles": lambda when, it, unknown: unknown if it.role is None else it.role in (when.roles or ()),
    "risk_tiers": lambda when, it, unknown: (
        unknown if it.risk_tier is None else it.risk_tier in (when.risk_tiers or ())
    ),
    "confidence": lambda when, it, unknown: _shares(when.confidence, it.confidence, unknown),
    "tools": lambda when, it, unknown: _named(when.tools, it.tool, unknown),
    "amount_usd": lambda when, it, _: when.amount_usd is not None and when.amount_usd.hold(it.amount_usd),
    "payees": lambda when, it, unknown: _named(when.payees, _payee(it), unknown),
    "trust": lambda when, it, unknown: _shares(when.trust, it.trust, unknown),
    "hours": lambda when, it, _: when.hours is not None and when.hours.hold(it.at),
}


def _words(rule: Rule, subject: Subject) -> list[Match] | None:
    """What patterns and topics of the rule stand in the text; [] where it asks for none, None where none stands there."""
    found: list[Match] = []
    if rule.when.patterns is not None:
        spots = [hit for pattern in rule.when.patterns if (hit := subject.spotted(pattern))]
        if not spots and not (subject.too_long_in_all and rule.then is not Then.ALLOW):
            return None
        found += [Match(f"pattern_{s.pattern}", f"It has {IN_WORDS[s.pattern]}", s.evidence) for s in spots]
    if rule.when.topics is not None:
        topics = [one for one in subject.touched if one.topic in rule.when.topics]
        if not topics and not (subject.too_long and rule.then is not Then.ALLOW):
            return None
        found += [Match(f"topic_{one.topic}", f"It touches {TOPICS[one.topic]}", one.evidence) for one in topics]
    if not found and (rule.when.patterns or rule.when.topics):
        found.append(Match("too_long", "It is too long to be read to its end"))
    return found


def _said(when: When, subject: Subject) -> Match:
    given = when.given
    if "tools" in given:
        return Match("tool", f"It uses the tool “{subject.tool[:80]}”")
    if "amount_usd" in given:
        return Match("amount", f"It is about {money_text(subject.amount_usd)} USD")
    if "payees" in given:
        return Match("payee", f"It pays “{subject.payee[:80]}”" if subject.payee else "It names nobody who is paid")
    if "confidence" in given:
        said = (
            "It came without a confidence score"
            if subject.confidence is None
            else f"Its score is {subject.confidence.normalize():f}"
        )
        return Match("confidence", said)
    if "trust" in given:
        said = (
            "Its agent's trust is not known" if subject.trust is None else f"Its agent's trust is {subject.trust:.2f}"
        )
        return Match("trust", said)
    if "hours" in given:
        return Match("hours", f"It comes at {subject.at:%H:%M} UTC")
    if "risk_tiers" in given:
        return Match("risk_tier", f"Its risk tier is {subject.risk_tier}")
    if "roles" in given or "task_types" in given:
        return Match("task", f"Its task is a {subject.role} “{subject.task_type}”")
    return Match("subject", f"It is {'an' if subject.kind == 'action' else 'a'} {subject.kind}")
