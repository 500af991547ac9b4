"""What the index looks like: the one declaration, from which it is made and by which it is checked.

The class is AgentMemory, with the properties of the data architecture and where each memory comes from. `AgentMemory`
itself is an alias: the collections behind it are generations, so that a new one can be filled while the old one answers.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

ALIAS = "AgentMemory"
VECTOR = "default"  # the name of the one vector that an object has
EF = 160  # candidates while walking; recall@10 against exact search: benchmarks/memory
WHOLE_BELOW = 2_000  # objects that pass the filters are measured one by one where there are fewer; as in PostgreSQL


def _text(name: str, *, filterable: bool = True) -> dict[str, Any]:
    return _property(name, "text", indexFilterable=filterable) | {"tokenization": "field"}


def _moment(name: str) -> dict[str, Any]:
    return _property(name, "date", indexFilterable=False, indexRangeFilters=True)


def _property(name: str, kind: str, **indexes: bool) -> dict[str, Any]:
    without = {"indexFilterable": False, "indexSearchable": False, "indexRangeFilters": False}
    return {"name": name, "dataType": [kind]} | without | indexes


PROPERTIES = [
    _text("content", filterable=False),
    # The stems that PostgreSQL found in it, so that both find the same words; stop words are none of them.
    _property("words", "text", indexSearchable=True) | {"tokenization": "whitespace"},
    _text("tenant_id"),
    _text("session_id"),
    _text("task_id"),
    _text("agent_id"),
    _text("agent_role"),
    _text("persona"),
    _property("impersonal", "boolean", indexFilterable=True),  # without a persona: what is empty is not indexed
    _text("category"),
    _text("visibility"),
    _text("embedding_model"),
    _text("result_id"),
    _text("source", filterable=False),  # document and place in it, as JSON
    _text("superseded_by", filterable=False),
    _property("importance_score", "number"),
    _property("version", "int"),
    _moment("created_at"),
    _moment("valid_from"),
    _moment("valid_until"),  # or when it was superseded, whatever comes first
]

TENANCY = {"enabled": True, "autoTenantCreation": False, "autoTenantActivation": True}
VECTOR_INDEX = {
    "distance": "cosine",
    "ef": EF,
    "efConstruction": 200,
    "maxConnections": 16,
    "flatSearchCutoff": WHOLE_BELOW,
    "filterStrategy": "acorn",
}
WORD_INDEX = {"bm25": {"b": 0.75, "k1": 1.2}, "stopwords": {"preset": "none"}}
REPAIRED = {"ef", "flatSearchCutoff", "filterStrategy"}  # of the vector index; the rest stands when it is made


def declaration(collection: str) -> dict[str, Any]:
    """What makes a generation."""
    return {
        "class": collection,
        "description": "Memories of Chimera, which keeps the truth in PostgreSQL (manage.py memory reindex).",
        "properties": PROPERTIES,
        "multiTenancyConfig": TENANCY,
        "invertedIndexConfig": WORD_INDEX,
        "vectorConfig": {
            VECTOR: {"vectorizer": {"none": {}}, "vectorIndexType": "hnsw", "vectorIndexConfig": VECTOR_INDEX}
        },
    }


class Repair(StrEnum):
    """What becomes of a drift."""

    SET = "set"  # a setting that can be changed as it stands
    ADD = "add"  # a property that is missing; objects that are there need it, so it is filled anew
    ANEW = "anew"  # a collection that is gone, or an alias that points elsewhere
    NONE = "none"  # it stands as it was made: `manage.py memory reindex`
    IDLE = "idle"  # more than was declared, which hurts nobody


@dataclass(frozen=True, slots=True)
class Drift:
    """`where` names it as Weaviate does, such as `properties.persona.tokenization`."""

    where: str
    found: Any
    declared: Any
    repair: Repair

    def __str__(self) -> str:
        return f"{self.where}: {_short(self.found)} instead of {_short(self.declared)}"


def drifts(actual: dict[str, Any]) -> list[Drift]:
    """Each difference between a collection as the server describes it and the declaration."""
    return [*_in_tenancy(actual), *_in_properties(actual), *_in_words(actual), *_in_vectors(actual)]


def _in_tenancy(actual: dict[str, Any]) -> list[Drift]:
    found = actual.get("multiTenancyConfig") or {}
    if not found.get("enabled"):
        return [Drift("multiTenancyConfig.enabled", False, True, Repair.NONE)]
    return [
        Drift(f"multiTenancyConfig.{name}", found.get(name), said, Repair.SET)
        for name, said in TENANCY.items()
        if found.get(name, False) != said
    ]


def _in_properties(actual: dict[str, Any]) -> list[Drift]:
    there = {found["name"]: found for found in actual.get("properties") or []}
    differ = []
    for said in PROPERTIES:
        found = there.pop(said["name"], None)
        where = f"properties.{said['name']}"
        if found is None:
            differ.append(Drift(where, None, said["dataType"][0], Repair.ADD))
            continue
        differ += [
            Drift(f"{where}.{key}", found.get(key), value, Repair.NONE)
            for key, value in said.items()
            if (found.get(key) or False) != value
        ]
    return differ + [Drift(f"properties.{name}", "there", None, Repair.IDLE) for name in there]


def _in_words(actual: dict[str, Any]) -> list[Drift]:
    found = actual.get("invertedIndexConfig") or {}
    bm25, preset = found.get("bm25"), (found.get("stopwords") or {}).get("preset")
    differ = []
    if bm25 != WORD_INDEX["bm25"]:
        differ.append(Drift("invertedIndexConfig.bm25", bm25, WORD_INDEX["bm25"], Repair.SET))
    if preset != "none":
        differ.append(Drift("invertedIndexConfig.stopwords.preset", preset, "none", Repair.SET))
    return differ


def _in_vectors(actual: dict[str, Any]) -> list[Drift]:
    named = (actual.get("vectorConfig") or {}).get(VECTOR)
    if named is None:
        return [Drift(f"vectorConfig.{VECTOR}", None, "hnsw", Repair.NONE)]
    differ = []
    if named.get("vectorIndexType") != "hnsw":
        differ.append(
            Drift(f"vectorConfig.{VECTOR}.vectorIndexType", named.get("vectorIndexType"), "hnsw", Repair.NONE)
        )
    if set(named.get("vectorizer") or {}) != {"none"}:
        differ.append(Drift(f"vectorConfig.{VECTOR}.vectorizer", named.get("vectorizer"), "none", Repair.NONE))
    found = named.get("vectorIndexConfig") or {}
    return differ + [
        Drift(
            f"vectorConfig.{VECTOR}.vectorIndexConfig.{name}",
            found.get(name),
            said,
            Repair.SET if name in REPAIRED else Repair.NONE,
        )
        for name, said in VECTOR_INDEX.items()
        if found.get(name) != said
    ]


def repaired(actual: dict[str, Any]) -> dict[str, Any]:
    """The collection with every setting as declared that can be changed; for PUT."""
    tenancy = actual.get("multiTenancyConfig") or {}
    wanted = {**actual, "multiTenancyConfig": TENANCY if tenancy.get("enabled") else tenancy}
    wanted["invertedIndexConfig"] = {**(actual.get("invertedIndexConfig") or {}), **WORD_INDEX}
    named = wanted["vectorConfig"][VECTOR]
    settings = {**named["vectorIndexConfig"], **{name: VECTOR_INDEX[name] for name in REPAIRED}}
    wanted["vectorConfig"] = {**wanted["vectorConfig"], VECTOR: {**named, "vectorIndexConfig": settings}}
    return wanted


def _short(value: Any) -> str:
    return "nothing" if value is None else str(value)
