"""What admins may do with a member, and whether the tenant asks its people for a second factor."""

from functools import partial
from typing import Any

from chimera.kernel.actors import Actor
from chimera.kernel.console.verbs import Because, Verb
from chimera.kernel.identity import Role
from swarm.actions import people
from swarm.admin.people_forms import Roles, SessionsEnd
from swarm.models import Membership, Tenant

ADMINS = frozenset({Role.ADMIN})


def _roles(member: Membership, said: dict[str, Any], by: Actor) -> None:
    people.change_roles(member_id=member.pk, roles=said["roles"], reason=said["reason"], by=by)


def _disable(member: Membership, said: dict[str, Any], by: Actor) -> None:
    people.disable(member_id=member.pk, reason=said["reason"], by=by)


def _enable(member: Membership, said: dict[str, Any], by: Actor) -> None:
    people.enable(member_id=member.pk, reason=said["reason"], by=by)


def _end_sessions(member: Membership, said: dict[str, Any], by: Actor) -> None:
    people.end_sessions(member_id=member.pk, revoke_tokens=said["revoke_tokens"], reason=said["reason"], by=by)


def _invite(member: Membership, said: dict[str, Any], by: Actor) -> str:
    return people.invite(member_id=member.pk, by=by)


def _reset(member: Membership, said: dict[str, Any], by: Actor) -> None:
    people.reset_second_factor(member_id=member.pk, reason=said["reason"], by=by)


def _require(required: bool, tenant: Tenant, said: dict[str, Any], by: Actor) -> None:
    people.require_second_factor(required=required, reason=said["reason"], by=by)


VERBS = (
    Verb(
        name="roles",
        label="Change roles",
        past="changed the roles of",
        roles=ADMINS,
        run=_roles,
        form=Roles,
        tone="primary",
        hint="Acts with their next click or call.",
    ),
    Verb(
        name="end_sessions",
        label="End sessions",
        past="ended the sessions of",
        roles=ADMINS,
        run=_end_sessions,
        form=SessionsEnd,
        hint="They must log in again to work for this tenant.",
    ),
    Verb(
        name="invite",
        label="Link to set a password",
        past="made a link for",
        roles=ADMINS,
        run=_invite,
        reveals="Link to set a password",
        offered=lambda m: not m.disabled_at,
        hint="For who has none yet, or forgot it. It works once, for three days; their second factor is still asked for.",
    ),
    Verb(
        name="reset_second_factor",
        label="Reset second factor",
        past="reset the second factor of",
        roles=ADMINS,
        run=_reset,
        form=Because,
        offered=lambda m: m.has_second_factor and not m.is_me,
        hint="For who lost phone and recovery codes. Be sure that it is them who ask.",
    ),
    Verb(
        name="disable",
        label="Switch off",
        past="switched off",
        roles=ADMINS,
        run=_disable,
        form=Because,
        offered=lambda m: not m.disabled_at and not m.is_me,
        tone="danger",
        hint="No session or token of theirs is accepted for this tenant any more. What they did stays theirs.",
    ),
    Verb(
        name="enable",
        label="Switch on",
        past="switched on",
        roles=ADMINS,
        run=_enable,
        form=Because,
        offered=lambda m: m.disabled_at is not None,
        tone="primary",
    ),
)

OF_TENANT = (
    Verb(
        name="require_second_factor",
        label="Ask for a second factor",
        past="asked for a second factor of all people of",
        roles=ADMINS,
        run=partial(_require, True),
        form=Because,
        offered=lambda t: not t.second_factor_required,
        hint="Who has none is led to set one up before anything else; their tokens are refused until then.",
    ),
    Verb(
        name="waive_second_factor",
        label="Ask for no second factor",
        past="asked for a second factor no more of people of",
        roles=ADMINS,
        run=partial(_require, False),
        form=Because,
        offered=lambda t: t.second_factor_required,
        hint="Who has one is still asked for it.",
    ),
)
