"""What is shown of personas and of contexts."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from memory.actions import personas
from memory.models import Persona, PersonaVersion
from memory.personas import soul
from memory.personas.counting import RULE, tokens
from memory.personas.packing import Packed
from memory.serializers.personas import ContextShape, PersonaDetailShape


def persona(row: Persona, version: PersonaVersion, *, against: PersonaVersion | None = None) -> dict[str, Any]:
    """One version with its whole text, and what is different from another."""
    shown = {
        "id": row.key,
        "number": version.number,
        "soul": soul.written(personas.soul_of(row, version)),
        "current": version.number == row.current,
        "retired_at": row.retired_at,
        "against": against.number if against else None,
        "diff": personas.difference(row, against, version) if against else None,
    }
    columns = (
        "name",
        "voice_traits",
        "directives",
        "body",
        "sha256",
        "contradictions",
        "masked",
        "created_by",
        "created_at",
    )
    return dict(PersonaDetailShape({name: getattr(version, name) for name in columns} | shown).data)


def context(task_id: UUID | None, budget_tokens: int, made: Any) -> dict[str, Any]:
    """A context of chimera.flows.assemble_context."""
    packed: Packed = made.packed
    sections = [
        {
            "section": str(each.section),
            "text": each.text,
            "tokens": tokens(each.text),
            "items": [{"id": part.id, "tokens": part.cost} for part in each.parts],
        }
        for each in packed.sections
    ]
    shown = {
        "persona": made.soul.id,
        "version": made.version.number,
        "sha256": made.version.sha256,
        "task": task_id,
        "query": made.question.text if made.question else None,
        "mode": made.question.mode if made.question else None,
        "text": packed.text,
        "budget_tokens": budget_tokens,
        "used_tokens": packed.tokens,
        "counting": RULE,
        "sections": sections,
        "left_out": [asdict(each) for each in packed.left_out],
        "contradictions": made.contradictions,
        "evidence": made.evidence_id,
    }
    return dict(ContextShape(shown).data)
