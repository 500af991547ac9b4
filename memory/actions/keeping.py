"""Keeping memories: each text once for where it holds; what comes again is a sighting. One way for one, for many and for results.

One statement for each table, however many there are. Two who write the same words at once are told apart by the unique
index `memory_once_per_words`: the second waits for the first, and sees its memory. The rows are written in the order of their digests, so
that two batches with the same words do not wait in a circle.

It runs in its caller's transaction. Dies anywhere before the commit: nothing is kept and nothing told. Dies after it, before the answer:
the same call again finds its own memories, and neither adds one nor raises what they weigh (memory.sameness.provenance_of).
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

from chimera.kernel import clock
from chimera.kernel.actors import Actor
from chimera.kernel.errors import busy
from chimera.kernel.eventlog import Fact, tell
from memory import sameness
from memory.actions import erasing
from memory.events import MemoryAdded, MemorySeen
from memory.limits import SIGHTINGS_OF_ONE_MAX, VOICES_MAX
from memory.models import MemoryRecord, MemorySighting
from memory.queries import HEAVY

TRIES = 3  # each beyond the first needs somebody who forgets or supersedes the same words in between
SIGHTED = ("session_id", "task_id", "agent_id", "agent_role", "written_by", "importance_score", "source")


class Came(StrEnum):
    ADDED = "added"  # a new memory
    SEEN = "seen"  # known, from elsewhere; it weighs more now if nobody had said it whose voice this is
    KNOWN = "known"  # from the same hand and place already: nothing changed


Columns = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kept:
    memory: MemoryRecord
    came: Came
    said: Columns  # by this caller

    def own(self) -> "Kept":
        """As if nobody had said it before, for a caller who may not see who did: its own words and source, under the memory's id."""
        return Kept(MemoryRecord(**self.said | {"id": self.memory.pk}), Came.ADDED, self.said)


def keep_all(wanted: Sequence[Columns], *, by: Actor) -> list[Kept]:
    """Keep what `drafts.columns_of` made, and tell; answers one for each, in their order."""
    if not wanted:
        return []
    firsts = {columns["digest"]: columns for columns in reversed(wanted)}
    standing, added = _standing(firsts)
    came = dict.fromkeys(added, Came.ADDED)
    repeats = defaultdict(list)
    for columns in wanted:
        if columns is not firsts[columns["digest"]] or columns["digest"] not in added:
            repeats[columns["digest"]].append(columns)
    sighted = _sight([(standing[digest], again) for digest, again in repeats.items()])
    told: list[Fact] = [
        MemoryAdded.about(memory, result=memory.source_result) for digest, memory in standing.items() if digest in added
    ]
    tell(*told, *(MemorySeen.about(memory, sightings=memory.sightings) for memory in sighted), by=by)
    seen = {memory.pk for memory in sighted}
    kept = []
    for columns in wanted:
        memory = standing[columns["digest"]]
        otherwise = Came.SEEN if memory.pk in seen else Came.KNOWN
        kept.append(Kept(memory, came.pop(columns["digest"], otherwise), columns))
    return kept


def standing_for(columns: Columns) -> tuple[MemoryRecord, bool]:
    """The one memory that says this, and whether it was made now; no sighting, and nothing told."""
    digest = columns["digest"]
    standing, added = _standing({digest: columns})
    return standing[digest], digest in added


def _standing(firsts: dict[bytes, Columns]) -> tuple[dict[bytes, MemoryRecord], set[bytes]]:
    """For each digest the memory that stands, locked; and those of them that are new."""
    erasing.share()
    standing: dict[bytes, MemoryRecord] = {}
    added: set[bytes] = set()
    for _ in range(TRIES):
        missing = [MemoryRecord(**firsts[digest]) for digest in sorted(firsts.keys() - standing.keys())]
        MemoryRecord.objects.bulk_create(missing, ignore_conflicts=True)
        made = {row.pk for row in missing}
        for row in _locked(firsts.keys() - standing.keys()):
            assert row.digest is not None
            digest = bytes(row.digest)
            standing[digest] = row
            if row.pk in made:
                added.add(digest)
        if len(standing) == len(firsts):
            return standing, added
    raise busy("Somebody forgets and keeps the same words at this moment; try again.")


def _locked(digests: set[bytes]) -> Iterator[MemoryRecord]:
    rows = MemoryRecord.objects.present().filter(digest__in=digests).defer(*HEAVY)
    yield from rows.select_for_update(no_key=True, of=("self",)).order_by("pk")


@dataclass(slots=True)
class _Heard:
    """Of one memory: from where it came, and how often from whom; its first writing is among them."""

    provenances: set[bytes] = field(default_factory=set)
    voices: Counter[str] = field(default_factory=Counter)

    def add(self, voice: str, provenance: bytes) -> None:
        self.provenances.add(provenance)
        self.voices[voice] += 1

    def has_room_for(self, voice: str) -> bool:
        """A voice that is new finds room however often others repeat themselves."""
        said = self.voices[voice]
        return said < SIGHTINGS_OF_ONE_MAX if said else len(+self.voices) < VOICES_MAX


def _sight(repeats: Sequence[tuple[MemoryRecord, Sequence[Columns]]]) -> list[MemoryRecord]:
    """Keep what is new of the repeats of these locked memories; answers the memories that were seen from where nobody had."""
    known = _heard([memory for memory, _ in repeats])
    sightings = []
    sighted = {}
    for memory, again in repeats:
        heard = known[memory.pk]
        for columns in again:
            voice, provenance = sameness.voice_of(columns), sameness.provenance_of(columns)
            if provenance in heard.provenances or not heard.has_room_for(voice):
                continue
            if not heard.voices[voice]:
                memory.importance_score = sameness.lifted(memory.importance_score, columns["importance_score"])
            heard.add(voice, provenance)
            sightings.append(_sighting(memory, columns, provenance))
            memory.sightings += 1
            memory.seen_at = clock.now()
            sighted[memory.pk] = memory
    MemorySighting.objects.bulk_create(sightings)
    if sighted:
        MemoryRecord.objects.bulk_update(sighted.values(), ["importance_score", "sightings", "seen_at"])
    return list(sighted.values())


def _heard(memories: Sequence[MemoryRecord]) -> dict[UUID, _Heard]:
    found: dict[UUID, _Heard] = defaultdict(_Heard)
    for memory in memories:
        found[memory.pk].add(sameness.voice_of(vars(memory)), sameness.provenance_of(vars(memory)))
    rows = MemorySighting.objects.filter(memory_id__in=list(found))
    for row in rows.values("memory_id", "provenance", "agent_id", "written_by"):
        found[row["memory_id"]].add(sameness.voice_of(row), bytes(row["provenance"]))
    return found


def _sighting(memory: MemoryRecord, columns: Columns, provenance: bytes) -> MemorySighting:
    said = {name: columns[name] for name in SIGHTED}
    return MemorySighting(
        memory=memory,
        provenance=provenance,
        source_result=columns.get("source_result"),
        created_at=columns["created_at"],
        **said,
    )
