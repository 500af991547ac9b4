"""Who reacts to what, and in which lane. Filled once, at start, by the composition root."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redis.client import Pipeline

    from chimera.kernel.eventlog import Fact, Recorded

    FastFn = Callable[[Sequence[Recorded], Pipeline], bool | None]
    SlowFn = Callable[[Recorded], None]
    Rebuild = Callable[[], None]
    Tend = Callable[[], bool]

REDIS = "redis"
CLOCK = "clock"


@dataclass(frozen=True, slots=True)
class Fast:
    """Lane redis: called once per batch with the events of its types; adds commands to the pipeline.

    It answers True if it told facts of its own: the lane then looks again soon, and waits for no nudge.
    `early`: it is given facts as soon as they are committed, and not in their order where a writer is still running; so it
    asks PostgreSQL how things stand, and needs no other fact to have been told before.
    """

    fn: "FastFn"
    early: bool = False


@dataclass(frozen=True, slots=True)
class Slow:
    """A lane of its own: called once per event outside any transaction; what it raises is retried, then parked.

    Facts whose payload says all that `unless` says are passed by, and cost no statement of their own.
    """

    lane: str
    fn: "SlowFn"
    unless: Mapping[str, Any] | None = None

    def wants(self, event: "Recorded") -> bool:
        if not self.unless:
            return True
        payload = event.payload
        return any(name not in payload or payload[name] != value for name, value in self.unless.items())


Reaction = Fast | Slow


def fast(fn: "FastFn", *, early: bool = False) -> Fast:
    return Fast(fn, early)


def slow(lane: str, fn: "SlowFn", *, unless: Mapping[str, Any] | None = None) -> Slow:
    if lane in {REDIS, CLOCK} or not lane.isidentifier() or len(lane) > 40:
        raise ValueError(f"{lane!r} cannot be the name of a slow lane")
    return Slow(lane, fn, unless)


@dataclass(frozen=True, slots=True)
class Periodic:
    """A step of lane clock: called about every `every_seconds`, by one relay at a time, outside any transaction."""

    name: str
    every_seconds: float
    fn: Callable[[], None]


@dataclass(slots=True)
class Registry:
    """`fast` keeps the order of registration; a function named by several types is called once with all of them."""

    fast: dict["FastFn", set[str]] = field(default_factory=dict)
    early: "set[FastFn]" = field(default_factory=set)  # those of them that do not wait for their turn
    slow: dict[str, dict[str, tuple[Slow, ...]]] = field(default_factory=dict)  # lane -> type -> reactions
    rebuild: tuple["Rebuild", ...] = ()
    clock: tuple[Periodic, ...] = ()
    tended: dict[str, "Tend"] = field(default_factory=dict)  # lane -> what it looks after besides its facts

    def lanes(self) -> list[str]:
        return [REDIS, *sorted(self.slow), CLOCK]


_registry = Registry()


def registry() -> Registry:
    return _registry


def register(
    reactions: Mapping[type["Fact"], Sequence[Reaction]],
    *,
    rebuild: Iterable["Rebuild"] = (),
    clock: Iterable[tuple[str, float, Callable[[], Any]]] = (),
    tended: "Mapping[str, Tend] | None" = None,
) -> None:
    """Replace the registry; `rebuild` runs when Redis was lost or set back.

    What is `tended` by a slow lane is called outside any transaction whenever the lane has no fact left, about twice a second;
    it answers True as long as there is more to do.
    """
    global _registry
    made = Registry(rebuild=tuple(rebuild), clock=tuple(Periodic(*step) for step in clock))
    for fact, reacting in reactions.items():
        for reaction in reacting:
            _add(made, fact.full_type(), reaction)
    made.tended = dict(tended or {})
    _registry = made


def _add(made: Registry, type_: str, reaction: Reaction) -> None:
    match reaction:
        case Fast(fn, early):
            made.fast.setdefault(fn, set()).add(type_)
            if early:
                made.early.add(fn)
        case Slow():
            of_lane = made.slow.setdefault(reaction.lane, {})
            of_lane[type_] = (*of_lane.get(type_, ()), reaction)


def reacting(type_: str) -> list[str]:
    """Names of the functions that react to a type, for the system check and the documentation."""
    named: list[Any] = [fn for fn, types in _registry.fast.items() if type_ in types]
    named += [one.fn for of_lane in _registry.slow.values() for one in of_lane.get(type_, ())]
    return [f"{fn.__module__}.{fn.__qualname__}" for fn in named]
