"""What the contract is tried on: memories that differ in every property by which they can be sought."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from chimera.kernel import clock
from memory.actions import vectors
from memory.embedders import embedder
from memory.models import MemoryRecord
from tests.cast import Stage

SUBJECTS = (
    "The harbour opens at {n} in the morning",
    "Ferry tickets to the island cost {n} euros",
    "The brass band plays by the quay on day {n}",
    "Bath number {n} needs new tiles",
    "The lighthouse keeper counted {n} ships",
    "A storm took {n} boats from the mole",
)
QUERIES = (
    "When does the harbour open?",
    "price of a ferry ticket",
    "Wo spielt die Blaskapelle?",
    "broken tiles in the baths",
    "how many ships were counted",
    "boats lost in the storm",
    "island",
    "day 7",
)


@dataclass(frozen=True)
class Corpus:
    stage: Stage
    now: datetime
    sessions: tuple[UUID, UUID]


def keep(stage: Stage) -> Corpus:
    """Fifty-four of them, embedded, as one tenant's; a third of each visibility."""
    sessions = (UUID(stage.session()["id"]), UUID(stage.session()["id"]))
    now = clock.now()
    with stage.bound():
        rows = list(_rows(stage, sessions, now))
        MemoryRecord.objects.bulk_create(rows)
        made = embedder().embed([row.content for row in rows])
        vectors.keep({row.pk: vector for row, vector in zip(rows, made, strict=True)}, model=embedder().model)
        _supersede(rows)
        for row in rows[7::9]:
            MemoryRecord.objects.filter(pk=row.pk).update(forgotten_at=now, embedding_model="")
            vectors.drop([row.pk])
    return Corpus(stage, now, sessions)


def _rows(stage: Stage, sessions: tuple[UUID, UUID], now: datetime) -> Iterator[MemoryRecord]:
    for number in range(54):
        visibility = ("tenant", "session", "agent")[number % 3]
        yield MemoryRecord(
            content=f"{SUBJECTS[number % 6].format(n=number)}.",
            category=("episodic", "semantic")[number % 2],
            visibility=visibility,
            session_id=sessions[number % 2] if visibility == "session" or number % 4 == 0 else None,
            agent_id=UUID((stage.ada, stage.bob)[number % 2].id) if visibility == "agent" or number % 5 == 0 else None,
            agent_role=("worker", "judge", "")[number % 3],
            persona=("", "pilot", "Captain's mate")[number % 3],
            importance_score=f"0.{number % 10}",
            valid_from=now - timedelta(days=2) if number % 7 == 0 else None,
            valid_until=now - timedelta(days=1) if number % 14 == 0 else None,
            created_at=now - timedelta(hours=number),
        )


def _supersede(rows: list[MemoryRecord]) -> None:
    old, new = rows[1], rows[3]
    at = old.created_at + timedelta(minutes=1)
    MemoryRecord.objects.filter(pk=old.pk).update(superseded_by=new.pk, superseded_at=at)


def properties() -> list[dict[str, Any]]:
    """What can be sought, once each and together; filled in with the corpus's own ids."""
    return [
        {},
        {"category": "semantic"},
        {"agent_role": "judge"},
        {"persona": "Captain's mate"},
        {"of_persona": "pilot"},
        {"of_persona": "nobody's"},
        {"session_id": "first"},
        {"agent_id": "ada"},
        {"since": timedelta(hours=-20)},
        {"until": timedelta(hours=-20)},
        {"at": timedelta(days=-1.5)},
        {"at": timedelta(minutes=-61)},
        {"category": "episodic", "agent_role": "worker", "since": timedelta(hours=-40), "until": timedelta(hours=-3)},
    ]
