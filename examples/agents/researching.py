"""What matters in a text: its sentences, ranked by nearness to the goal and the topics, without repetitions."""

from dataclasses import replace

import numpy as np

from examples.agents import language, meaning
from examples.agents.finding import Finding
from examples.agents.nearness import nearness

FINDINGS_MAX = 18  # of one text: enough for every topic it touches, few enough to stay findable
TOPIC_MIN = 0.28  # nearness below which a sentence says nothing about a topic
RELEVANCE_MIN = 0.25  # the same for the campaign as a whole
CONCRETE_BONUS = 0.05
DANGLING_COST = 0.20
OWN_WORDS_COST = 0.05  # "I", "we": quotable, but second choice


def findings(*, file: str, text: str, goal: str, topics: list[str], most: int = FINDINGS_MAX) -> list[Finding]:
    """Best first; `score` is from 0 to 1. An empty list means that the text has nothing for this campaign."""
    found = list({sentence.text: sentence for sentence in reversed(language.sentences(text))}.values())[::-1]
    if not found:
        return []
    known = [Finding(sentence.text, file, sentence.number, sentence.section) for sentence in found]
    contexts = [finding.in_context for finding in known]
    vectors = meaning.encode(contexts)
    form = np.array([_form(finding.quote) for finding in known], dtype=np.float32)
    near = nearness(contexts, vectors, [goal, *topics]) + form[:, None]
    relevance = 0.2 * near[:, 0] + 0.8 * near.max(axis=1)
    kept = _for_each_topic(near[:, 1:], most)
    for index in meaning.choose(vectors, relevance, most):
        if len(kept) < most and index not in kept and relevance[index] >= RELEVANCE_MIN:
            kept.append(index)
    kept.sort(key=lambda index: -relevance[index])
    return [replace(known[i], score=_share(relevance[i])) for i in kept]


def _for_each_topic(near: meaning.Vectors, most: int) -> list[int]:
    """The topics take turns in picking their nearest sentence, so that a minor topic of a text is not drowned."""
    kept: list[int] = []
    orders = [list(np.argsort(-near[:, topic])) for topic in range(near.shape[1])]
    while len(kept) < most and any(orders):
        for topic, order in enumerate(orders):
            while order and int(order[0]) in kept:
                order.pop(0)
            if not order or near[order[0], topic] < TOPIC_MIN:
                order.clear()
            elif len(kept) < most:
                kept.append(int(order.pop(0)))
    return kept


def _form(quote: str) -> float:
    return (
        CONCRETE_BONUS * language.is_concrete(quote)
        - DANGLING_COST * language.is_dangling(quote)
        - OWN_WORDS_COST * language.is_first_person(quote)
    )


def _share(value: float) -> float:
    return round(min(1.0, max(0.0, float(value))), 4)
