"""Why something must not pass unseen: a stable code, a sentence for the reviewer, and what showed it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Reason:
    """`rule`, `policy` (its id) and `version` say which rule of a policy wants it; without them it is built in."""

    code: str
    detail: str
    evidence: str = ""
    rule: str = ""
    policy: str = ""
    version: int | None = None

    def shape(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"code": self.code, "detail": self.detail}
        if self.evidence:
            shown["evidence"] = self.evidence
        return shown | ({"rule": self.rule, "policy": self.policy, "version": self.version} if self.policy else {})


EVIDENCE_AROUND = 60  # characters shown on either side of what was found


def around(text: str, start: int, end: int) -> str:
    return text[max(0, start - EVIDENCE_AROUND) : min(len(text), end + EVIDENCE_AROUND)].strip()
