"""Personas: add a version, retire. Dies anywhere: the version and the fact of it are there together, or neither is."""

from collections.abc import Mapping
from difflib import unified_diff

from chimera.kernel import advisory, clock, tenancy
from chimera.kernel.actors import Actor
from chimera.kernel.errors import Refused, conflict, invalid, not_found
from chimera.kernel.eventlog import tell
from memory.actions import erasing, policies
from memory.events import PersonaAdded, PersonaRetired, PersonaReturned
from memory.limits import PERSONA_CHARACTERS_MAX, REASON_CHARACTERS_MAX, VERSIONS_MAX
from memory.models import Persona, PersonaVersion
from memory.personas import honesty, soul
from memory.personas.honesty import IN_WORDS, Contradiction
from memory.personas.soul import Soul
from memory.screening import screened

TEXTS = ("voice_traits", "directives", "body")
LATER = 2  # the first number of a version that has one before it


def add(*, text: str, by: Actor) -> tuple[PersonaVersion, bool]:
    """Make what a SOUL.md says the current version of its persona; answers it, and whether it is new.

    A text that the persona has had before is that version again. Two who upload at once come one after the other, and both are kept.
    422 `invalid_soul` with the lines, `dishonest` for directives against honesty, `sensitive` for what the tenant's policy refuses;
    409 `persona_retired`, `too_many_versions`.
    """
    read = soul.read(text)
    erasing.share()
    found = honesty.contradictions(read.soul.texts(), read.lines)
    _check_honest(found)
    clean, masked = screened(read.soul.texts(), policies.deeds())
    kept = read.soul.with_texts(_whole(clean))
    if kept.id != read.soul.id:
        raise invalid("`id` reads like personal data; choose another.", field_name="id", code="sensitive")
    advisory.hold(f"{tenancy.current()}|persona|{kept.id}")
    persona = Persona.objects.filter(key=kept.id).first()
    if persona is None:
        persona = Persona.objects.create(key=kept.id, name=kept.name)
        return _next(persona, kept, found, masked=[str(kind) for kind in masked], by=by), True
    check_active(persona)
    if same := persona.versions.filter(sha256=kept.sha256).first():
        return _returned(persona, same, by=by), False
    return _next(persona, kept, found, masked=[str(kind) for kind in masked], by=by), True


def retire(*, key: str, reason: str, by: Actor) -> Persona:
    """No context begins with it any more, and nothing is added to it; its versions stay to be read. 409 when it is retired already."""
    erasing.share()
    advisory.hold(f"{tenancy.current()}|persona|{key}")
    persona: Persona = Persona.objects.get_or_refuse(key)
    check_active(persona)
    said, _ = screened({"reason": reason}, policies.deeds())
    persona.retired_at, persona.retired_reason = clock.now(), said["reason"][:REASON_CHARACTERS_MAX]
    _save(persona)
    tell(PersonaRetired.about(persona, version_of(persona), reason=persona.retired_reason), by=by)
    return persona


def version_of(persona: Persona, number: int | None = None, *, light: bool = False) -> PersonaVersion:
    """The current one unless told; 404 where there is none of that number. `light`: without its texts."""
    rows = persona.versions.defer(*TEXTS) if light else persona.versions.all()
    found: PersonaVersion | None = rows.filter(number=persona.current if number is None else number).first()
    if found is None:
        raise not_found("version of this persona")
    return found


def soul_of(persona: Persona, version: PersonaVersion) -> Soul:
    return Soul(
        id=persona.key,
        name=version.name,
        voice_traits=tuple(version.voice_traits),
        directives=tuple(version.directives),
        body=version.body,
    )


def difference(persona: Persona, older: PersonaVersion, newer: PersonaVersion) -> str:
    """A unified diff of two versions' SOUL.md; empty where they say the same."""
    one, two = (soul.written(soul_of(persona, version)).splitlines() for version in (older, newer))
    return "\n".join(unified_diff(one, two, f"version {older.number}", f"version {newer.number}", lineterm=""))


def check_active(persona: Persona) -> None:
    """409 `persona_retired`."""
    if persona.retired_at is not None:
        raise conflict(
            f"The persona {persona.key!r} was retired; make one with another id, or read its versions.",
            code="persona_retired",
        )


def _check_honest(found: list[Contradiction]) -> None:
    """What stands above the body is orders; prose is only marked."""
    orders = [each for each in found if each.where != "body"]
    if not orders:
        return
    errors = [
        {
            "field": each.where,
            "code": str(each.kind),
            "message": f"Line {each.line}: “{each.phrase}” {IN_WORDS[each.kind]}.",
        }
        for each in orders
    ]
    raise Refused(
        f"{errors[0]['message']} Honesty outranks every persona: take it out, and say what the persona may do instead."
        " Nothing was stored.",
        code="dishonest",
        status=422,
        errors=errors,
    )


def _whole(texts: Mapping[str, str]) -> dict[str, str]:
    """One line each but the body, and no longer than its column, after something was masked in it."""
    return {
        where: text
        if where == "body"
        else " ".join(text.split())[: PERSONA_CHARACTERS_MAX if where == "name" else None]
        for where, text in texts.items()
    }


def _next(persona: Persona, kept: Soul, found: list[Contradiction], *, masked: list[str], by: Actor) -> PersonaVersion:
    newest = persona.versions.order_by("-number").values_list("number", flat=True).first() or 0
    if newest >= VERSIONS_MAX:
        raise conflict(
            f"The persona {persona.key!r} has {VERSIONS_MAX} versions; go on under another id.",
            code="too_many_versions",
        )
    version: PersonaVersion = persona.versions.create(
        number=newest + 1,
        name=kept.name,
        voice_traits=list(kept.voice_traits),
        directives=list(kept.directives),
        body=kept.body,
        sha256=kept.sha256,
        masked=masked,
        contradictions=[each.model_dump(mode="json") for each in found],
        created_by=str(by),
        created_at=clock.now(),
    )
    if version.number >= LATER:
        _make_current(persona, version)
    kinds = sorted({str(each.kind) for each in found})
    tell(PersonaAdded.about(persona, version, masked=masked, contradictions=kinds), by=by)
    return version


def _returned(persona: Persona, same: PersonaVersion, *, by: Actor) -> PersonaVersion:
    if persona.current != same.number:
        _make_current(persona, same)
        tell(PersonaReturned.about(persona, same), by=by)
    return same


def _make_current(persona: Persona, version: PersonaVersion) -> None:
    persona.current, persona.name = version.number, version.name
    _save(persona)


def _save(persona: Persona) -> None:
    """Under the lock of its key."""
    persona.version += 1
    persona.updated_at = clock.now()
    persona.save()
