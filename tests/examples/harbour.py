"""The harbour campaign without a server: its brief, its findings, and the posts its orders come to."""

from functools import cache
from pathlib import Path
from typing import Any

from chimera.campaign import brief as briefs
from chimera.campaign.brief import Brief
from examples.agents import drafting, meaning, planner, researching, scoring
from examples.agents.drafting import Order
from examples.agents.finding import Finding
from examples.agents.scoring import Scored

FOLDER = Path(__file__).parents[2] / "examples" / "harbour-launch"


@cache
def brief() -> Brief:
    return briefs.read(FOLDER)


@cache
def findings() -> list[Finding]:
    said = brief()
    return [
        found
        for text in said.texts
        for found in researching.findings(file=text.file, text=text.text, goal=said.goal, topics=said.topics)
    ]


@cache
def vectors() -> meaning.Vectors:
    return meaning.encode([found.content for found in findings()])


def recalled(topic: str, most: int = 40) -> list[Finding]:
    """The nearest findings, as a search by meaning gives them."""
    near = vectors() @ meaning.encode([topic])[0]
    return [findings()[i] for i in sorted(range(len(near)), key=lambda i: -near[i])[:most]]


def posts() -> list[tuple[dict[str, Any], dict[str, Any], Scored]]:
    """(order as a draft's input, post as its output, the judge's score) for every post of the campaign."""
    said = brief()
    shared = said.shared()
    made = []
    for asked in planner.orders(shared):
        order = {"persona": shared["persona"], **asked}
        composed = drafting.compose(
            Order(asked["topic"], asked["length"], said.persona.closing, tuple(said.persona.avoid), asked["turn"]),
            recalled(asked["topic"]),
        )
        assert composed is not None
        post = {"platform": asked["platform"], "topic": asked["topic"], "text": composed.text}
        post |= {"sources": [used.as_source() for used in composed.used]}
        made.append((order, post, scoring.score(post, order, goal=said.goal)))
    return made
