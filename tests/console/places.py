"""Every page of the console: where it is, who sees it, and which verbs it has for whom."""

from dataclasses import dataclass

ALL = frozenset({"rita", "otto", "fay", "anna", "boss"})  # reviewer, operator, finance, auditor, admin


@dataclass(frozen=True)
class Noun:
    path: str
    seen_by: frozenset[str]
    verbs: frozenset[str] = frozenset()
    walked_by: frozenset[str] = frozenset()

    @property
    def list(self) -> str:
        return f"/admin/{self.path}/"

    def one(self, row_id: object, verb: str = "") -> str:
        return f"{self.list}{row_id}/" + (f"{verb}/" if verb else "")


def _noun(path: str, seen_by: str, verbs: str = "", walked_by: str = "") -> Noun:
    return Noun(path, frozenset(seen_by.split()), frozenset(verbs.split()), frozenset(walked_by.split()))


NOUNS = {
    "card": _noun(
        "safety/reviewcard",
        "rita otto fay anna boss",
        "approve approve_edited request_changes reject claim",
        "rita boss",
    ),
    "session": _noun("swarm/swarmsession", "otto anna boss", "pause resume complete stop", "otto boss"),
    "task": _noun("swarm/task", "otto anna boss", "cancel retry", "otto boss"),
    "dead": _noun("swarm/deadletter", "otto anna boss", "retry drop", "otto boss"),
    "campaign": _noun("swarm/campaign", "otto anna boss", "pause resume complete stop", "otto boss"),
    "schedule": _noun("swarm/schedule", "otto anna boss", "run_now pause resume stop", "otto boss"),
    "agent": _noun("swarm/agentprofile", "otto anna boss", "pause resume rotate_key kill", "otto boss"),
    "lock": _noun("swarm/resourcelock", "otto anna boss", "release", "otto boss"),
    "limit": _noun("swarm/concurrencylimit", "otto anna boss", "change remove", "otto boss"),
    "memory": _noun("memory/memoryrecord", "otto anna boss", "forget", "otto boss"),
    "budget": _noun("commerce/budgetconfig", "fay anna boss", "change raise", "fay boss"),
    "increase": _noun("commerce/limitincrease", "fay anna boss", "revoke", "fay boss"),
    "transaction": _noun("commerce/transaction", "fay anna boss", "void", "fay boss"),
    "policy": _noun("safety/policy", "rita otto fay anna boss", "enforce shadow off", "boss"),
    "target": _noun(
        "safety/notificationtarget", "otto anna boss", "test change rotate_secret pause resume remove", "boss"
    ),
    "delivery": _noun("safety/delivery", "otto anna boss", "replay", "otto boss"),
    "event": _noun("kernel/event", "otto anna boss"),
    "parked": _noun("kernel/parkedevent", "otto anna boss", "retry", "otto boss"),
    "tenant": _noun(
        "swarm/tenant", "otto anna boss", "pause stop resume stop_everything resume_everything", "otto boss"
    ),
    "member": _noun("swarm/membership", "anna boss"),
}
