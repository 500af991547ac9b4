"""Phrases that show a topic: whole words, matched without case, in English. Doubtful ones are used for other things too."""

import re
from dataclasses import dataclass

from safety.reasons import around
from safety.topics.names import Topic, Touched

_SURE: dict[Topic, tuple[str, ...]] = {
    Topic.POLITICS: (
        r"referendum|political part(?:y|ies)|partisan|campaign donations?|prime minister|parliament(?:ary)?|congress(?:man|woman)",
        r"(?:general|presidential|municipal|local|early|snap) elections?|election (?:campaign|day|results?)|opposition party",
    ),
    Topic.HEALTH_ADVICE: (
        r"medical advice|dosages?|vaccin(?:e|es|ation)s?|(?:lowers?|reduces?) (?:your )?blood pressure|safe to (?:drink|swim|eat)",
        r"good for your (?:heart|health|skin|joints)|detox(?:es|ify)?|home remed(?:y|ies)|medication",
    ),
    Topic.FINANCIAL_ADVICE: (
        r"financial advice|invest(?:ment|ments|ing|or|ors)? (?:in|advice|opportunit(?:y|ies)|now)|guaranteed returns?",
        r"risk[- ]free|buy (?:shares|stocks|bonds|tokens)|(?:share|stock) prices?|double your money|returns? of \d",
        r"yields? of \d|crypto(?:currency|currencies)?",
    ),
    Topic.LEGAL_CLAIMS: (
        r"legal(?:ly)? (?:binding|advice|obliged|entitled|liable)|lawsuits?|suing|(?:will|could|can|may|to) sue",
        r"breach of contract|court (?:order|ruling|case)|compensation claims?|in violation of (?:the )?law|unlawful(?:ly)?",
    ),
    Topic.SECURITY: (
        r"passwords?|private keys?|api keys?|secret keys?|access tokens?|sudo|rm -rf|drop (?:table|database)|ssh keys?",
        r"disable (?:the )?(?:firewall|alarm|antivirus)|seed phrase|root access|backdoors?|malware|door codes?|alarm codes?",
    ),
}
_DOUBTFUL: dict[Topic, tuple[str, ...]] = {
    Topic.POLITICS: (
        r"elections?|ballots?|vote (?:for|against)|voters?|president(?:ial)?|senators?|congress|left[- ]wing|right[- ]wing",
        r"governments?|ministers?|candidates?|polls?|coalition|lawmakers?",
    ),
    Topic.HEALTH_ADVICE: (
        r"diagnos(?:e|es|is)|prescri(?:be|bed|ption)|cures?|heals?|side effects?|symptoms?|remed(?:y|ies)|dos(?:e|es)|tablets?",
        r"treat(?:s|ment)?|therap(?:y|ist)|pain|doctors?",
    ),
    Topic.FINANCIAL_ADVICE: (
        r"dividends?|shares|stocks?|bonds?|savings|loans?|portfolio|profits?|mortgage|tokens?|tax(?:es)?",
    ),
    Topic.LEGAL_CLAIMS: (
        r"sue[ds]?|liabilit(?:y|ies)|liable|infring(?:e|es|ement)|illegal(?:ly)?|legal(?:ly)?|court|claims?|contracts?|law|rights?",
    ),
    Topic.SECURITY: (r"exploit(?:s|ed)?|credentials?|permissions?|firewall|root|login|tokens?|backups?|unlock(?:ed)?",),
}


@dataclass(frozen=True, slots=True)
class Phrase:
    topic: Topic
    touched: Touched
    doubtful: bool


def _expression(words: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(words)})\b", re.IGNORECASE)


_SHOWS = [(topic, _expression(_SURE[topic]), _expression(_DOUBTFUL[topic])) for topic in Topic]


def found(text: str) -> list[Phrase]:
    """For each topic the first sure phrase, else the first doubtful one."""
    phrases = []
    for topic, sure, doubtful in _SHOWS:
        hit = sure.search(text)
        if (first := hit or doubtful.search(text)) is not None:
            words = Touched(topic, around(text, first.start(), first.end()), first.group())
            phrases.append(Phrase(topic, words, doubtful=hit is None))
    return phrases


def surely(text: str) -> tuple[Touched, ...]:
    """The topics that sure phrases show."""
    return tuple(phrase.touched for phrase in found(text) if not phrase.doubtful)
