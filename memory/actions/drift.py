"""The index as it stands beside the index as it is declared: named, and repaired where that is possible."""

from dataclasses import dataclass, field

import structlog

from memory.actions import generations
from memory.actions.indexing import writing
from memory.models import Generation
from memory.stores.weaviate import collections, schema
from memory.stores.weaviate.schema import ALIAS, Drift, Repair

log = structlog.get_logger()
REINDEX = "manage.py memory reindex"


@dataclass(frozen=True, slots=True)
class Compared:
    """Of one generation; `drifts` with what becomes of each."""

    generation: Generation
    drifts: list[Drift] = field(default_factory=list)

    def wants(self, repair: Repair) -> list[Drift]:
        return [drift for drift in self.drifts if drift.repair is repair]


def compare() -> list[Compared]:
    """Every generation, and the alias. Empty where there is no index yet. Raises IndexAway."""
    with writing():
        return [Compared(generation, _drifts(generation)) for generation in Generation.objects.all()]


def repair(compared: list[Compared]) -> list[Drift]:
    """What can be set as it stands is set; a property that is missing is added, and the index filled anew, because what it has
    lacks it; answers what is left. Raises IndexAway.

    Another is begun before the property is added: whoever dies in between leaves a drift, and not objects without the property.
    """
    left: list[Drift] = []
    lacking = [one for one in compared if one.wants(Repair.ADD)]
    for one in lacking:
        generations.begin_over(one.generation, why="a property was added")
    for one in compared:
        if one.generation.serving_since or one not in lacking:
            _repair(one)
        left += one.wants(Repair.NONE)
    generations.verify()
    return left


def _drifts(generation: Generation) -> list[Drift]:
    actual = collections.describe(generation.collection)
    if actual is None:
        made = bool(generation.mark or generation.serving_since)
        return [Drift(f"class {generation.collection}", None, "there", Repair.ANEW)] if made else []
    found = schema.drifts(actual)
    if generation.serving_since and (behind := collections.pointed_at()) != generation.collection:
        found.append(Drift(f"alias {ALIAS}", behind or None, generation.collection, Repair.ANEW))
    return found


def _repair(one: Compared) -> None:
    collection = one.generation.collection
    for missing in one.wants(Repair.ADD):
        name = missing.where.removeprefix("properties.")
        collections.add_property(collection, next(said for said in schema.PROPERTIES if said["name"] == name))
    if one.wants(Repair.SET) and (actual := collections.describe(collection)):
        collections.change(collection, schema.repaired(actual))
    for drift in one.drifts:
        log.warning("index_drift", collection=collection, drift=str(drift), repair=str(drift.repair))
