"""The topics that always go to a person."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from safety.reasons import Reason


class Topic(StrEnum):
    POLITICS = "politics"
    HEALTH_ADVICE = "health_advice"
    FINANCIAL_ADVICE = "financial_advice"
    LEGAL_CLAIMS = "legal_claims"
    SECURITY = "security"


TOPICS: dict[Topic, str] = {  # in words
    Topic.POLITICS: "politics",
    Topic.HEALTH_ADVICE: "health advice",
    Topic.FINANCIAL_ADVICE: "financial advice",
    Topic.LEGAL_CLAIMS: "legal claims",
    Topic.SECURITY: "security-sensitive actions",
}


@dataclass(frozen=True, slots=True)
class Touched:
    """A topic that a text touches: by these words of it (`hit`), or, where no phrase shows it, by what it is like."""

    topic: Topic
    evidence: str  # the words of the text, with some around them
    hit: str = ""
    score: float = 1.0

    def reason(self) -> Reason:
        shown = f"“{self.hit}”" if self.hit else f"by its meaning, score {self.score:.2f}"
        detail = f"It touches {TOPICS[self.topic]} ({shown}), which a person always sees."
        return Reason(f"topic_{self.topic}", detail, self.evidence)


def reasons_of(touched: Iterable[Touched]) -> tuple[Reason, ...]:
    return tuple(one.reason() for one in touched)
