"""State machines as data that checks itself at import. Status changes only through `advance` and `advance_all`."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.db import models
from django.db.models import CheckConstraint, F, Q, QuerySet

from chimera.kernel.actors import ActorKind
from chimera.kernel.errors import Stale

AGENT, HUMAN, SYSTEM = ActorKind.AGENT, ActorKind.PERSON, ActorKind.SYSTEM


@dataclass(frozen=True, slots=True)
class Edge:
    """One way a thing may change; `by` says who may walk it, `why` what it means."""

    source: StrEnum
    target: StrEnum
    by: frozenset[ActorKind]
    why: str


def edge(source: StrEnum, target: StrEnum, *by: ActorKind, why: str) -> Edge:
    return Edge(source, target, frozenset(by), why)


class Machine:
    """A checked set of edges: one start, nothing unreachable, dead ends only where they are meant."""

    registry: dict[str, "Machine"] = {}

    def __init__(
        self,
        name: str,
        *,
        start: StrEnum,
        ends: Iterable[StrEnum],
        edges: Iterable[Edge],
        starts: Iterable[StrEnum] = (),
    ) -> None:
        self.name, self.start, self.ends = name, start, frozenset(ends)
        self.starts = frozenset(starts) | {start}
        self.edges = tuple(edges)
        self.states = type(start)
        self._allowed = {(e.source, e.target): e for e in self.edges}
        self._check()
        Machine.registry[name] = self

    def _check(self) -> None:
        if len(self._allowed) != len(self.edges):
            raise ValueError(f"{self.name}: an edge is declared twice")
        if any(not e.by or not e.why for e in self.edges):
            raise ValueError(f"{self.name}: every edge needs an owner and a reason")
        reached = set(self.starts)
        while grown := {e.target for e in self.edges if e.source in reached} - reached:
            reached |= grown
        if orphans := set(self.states) - reached:
            raise ValueError(f"{self.name}: never reached: {sorted(orphans)}")
        silent = {s for s in self.states if not any(e.source == s for e in self.edges)}
        if silent != self.ends:
            raise ValueError(
                f"{self.name}: ends {sorted(self.ends)} are declared, but {sorted(silent)} have no way out"
            )

    def can(self, source: str, target: str) -> bool:
        return (source, target) in {(str(s), str(t)) for s, t in self._allowed}

    def sources_of(self, target: StrEnum) -> list[str]:
        return [str(e.source) for e in self.edges if e.target == target]

    def advance(self, row: Any, *, to: StrEnum, **changes: Any) -> None:
        """Compare-and-set `row` to `to` together with `changes`, and bring `row` up to date.

        Guards status and version; raises Stale unless exactly one row changed, ValueError for an edge that is not there.
        """
        self.advance_each([row], to=to, **changes)

    def advance_each(self, rows: Sequence[Any], *, to: StrEnum, **changes: Any) -> None:
        """The same for several rows of one table with the same changes, in one statement: all of them, or Stale."""
        for row in rows:
            source = self.states(row.status)
            if (source, to) not in self._allowed:
                raise Stale(
                    f"This {self.name} is {source}; it cannot become {to}.",
                    code=f"{self.name}_{source}",
                    status_now=str(source),
                )
        if not rows:
            return
        alike: dict[tuple[str, int], list[Any]] = defaultdict(list)
        for row in rows:
            alike[(str(row.status), row.version)].append(row.pk)
        guard = reduce(or_, (Q(pk__in=pks, status=status, version=v) for (status, v), pks in alike.items()))
        changed = type(rows[0])._base_manager.filter(guard).update(status=to, version=F("version") + 1, **changes)
        if changed != len(rows):
            raise Stale(f"This {self.name} changed while you were at it; read it again.")
        for row in rows:
            for name, value in (changes | {"status": to, "version": row.version + 1}).items():
                setattr(row, name, value)

    def advance_all(
        self, rows: QuerySet[Any], *, to: StrEnum, returning: tuple[str, ...] = ("id",), **changes: Any
    ) -> list[UUID]:
        """Compare-and-set many at once; answers the ids that changed. Rows in another state are left alone."""
        sources = self.sources_of(to)
        candidates = list(
            rows.filter(status__in=sources)
            .select_for_update(of=("self",), no_key=True)
            .order_by("pk")
            .values_list("pk", flat=True)
        )
        rows.model._base_manager.filter(pk__in=candidates).update(status=to, version=F("version") + 1, **changes)
        return candidates

    def constraint(self, name: str) -> CheckConstraint:
        """The same rule for the database: the status is one of ours."""
        return CheckConstraint(condition=Q(status__in=[str(s) for s in self.states]), name=name)


class Versioned(models.Model):
    """A thing with a status that a Machine moves, and a version that each change raises by one."""

    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        abstract = True
