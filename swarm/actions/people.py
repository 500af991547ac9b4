"""The people of the bound tenant: let in, given and denied roles, switched off; and whether they need a second factor.

Who changes a membership holds it and those of all admins, in the order of their ids. So two admins who take each other's role at the
same moment come one after the other, and one of them stays. An account may have other tenants: nothing here reaches those.
"""

from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q

from chimera.kernel import clock, identity, tenancy
from chimera.kernel.actors import Actor
from chimera.kernel.entrance import second_factor, welcome
from chimera.kernel.errors import conflict, forbidden, invalid, not_found
from chimera.kernel.eventlog import tell
from chimera.kernel.identity import PERSON_ROLES, Role
from swarm.events import (
    MemberAdded,
    MemberDisabled,
    MemberEnabled,
    MemberInvited,
    MemberRolesChanged,
    MemberSecondFactorReset,
    MemberSessionsEnded,
    SecondFactorRequired,
    SecondFactorWaived,
)
from swarm.models import Membership, PersonalToken, Tenant


def add(*, username: str, email: str, roles: set[Role], by: Actor) -> tuple[Membership, str]:
    """Make somebody a member, with an account of their own if nobody has one by this name.

    Answers the membership, and the link with which a new person sets a password, or '' for who has an account already and logs in
    as before. 409 `already_member`, 422 for a name that cannot be one.
    """
    _check_roles(roles)
    user, is_new = _account(username.strip(), email.strip())
    if Membership.objects.filter(user=user).exists():
        raise conflict(f"{user.get_username()} is a member already; change the roles instead.", code="already_member")
    member = Membership.objects.create(user=user, roles=sorted(roles))
    tell(MemberAdded.about(member, roles=member.roles, is_new_account=is_new), by=by)
    return member, welcome.link(user) if is_new else ""


def invite(*, member_id: UUID, by: Actor) -> str:
    """Another link with which this person sets a password. 409 `other_tenants` for who belongs to others too."""
    member = _hold(member_id)
    _check_is_ours_alone(member, "a new password")
    tell(MemberInvited.about(member), by=by)
    return welcome.link(member.user)


def change_roles(*, member_id: UUID, roles: set[Role], reason: str, by: Actor) -> Membership:
    """Exactly these from the next click or call on. 403 `own_roles` for more than one has oneself; 409 `last_admin`."""
    _check_roles(roles)
    member = _hold(member_id)
    before = set(member.roles)
    if Role.ADMIN not in roles:
        _check_not_last_admin(member)
    if _is(member, by) and not roles <= before:
        raise forbidden("Nobody gives roles to themselves; another admin does.", code="own_roles")
    if roles == before:
        raise conflict(f"{member.user.get_username()} has exactly these roles already.", code="unchanged")
    member.roles = sorted(roles)
    _save(member, "roles")
    tell(MemberRolesChanged.about(member, before={"roles": sorted(before)}, roles=member.roles, reason=reason), by=by)
    return member


def disable(*, member_id: UUID, reason: str, by: Actor) -> Membership:
    """Nothing of this person is accepted for this tenant any more: no session, token or vote to come."""
    member = _hold(member_id)
    if _is(member, by):
        raise forbidden("Nobody switches themselves off; another admin does.", code="own_membership")
    if member.disabled_at:
        raise conflict(f"{member.user.get_username()} is switched off already.", code="already_disabled")
    _check_not_last_admin(member)
    member.disabled_at = member.sessions_from = clock.now()
    _save(member, "disabled_at", "sessions_from")
    tell(MemberDisabled.about(member, reason=reason), by=by)
    return member


def enable(*, member_id: UUID, reason: str, by: Actor) -> Membership:
    member = _hold(member_id)
    if not member.disabled_at:
        raise conflict(f"{member.user.get_username()} is not switched off.", code="not_disabled")
    member.disabled_at = None
    _save(member, "disabled_at")
    tell(MemberEnabled.about(member, reason=reason), by=by)
    return member


def end_sessions(*, member_id: UUID, revoke_tokens: bool, reason: str, by: Actor) -> int:
    """Whoever uses this account must log in again to work for this tenant; answers how many tokens were revoked besides."""
    member = _hold(member_id)
    member.sessions_from = clock.now()
    _save(member, "sessions_from")
    standing = PersonalToken.objects.filter(user_id=member.user_id, revoked_at=None)
    revoked = standing.update(revoked_at=clock.now()) if revoke_tokens else 0
    tell(MemberSessionsEnded.about(member, tokens_revoked=revoked, reason=reason), by=by)
    return revoked


def reset_second_factor(*, member_id: UUID, reason: str, by: Actor) -> Membership:
    """For who lost phone and codes. 409 `other_tenants` for who belongs to others too, `no_second_factor`; 403 one's own."""
    member = _hold(member_id)
    if _is(member, by):
        raise forbidden("Remove your own with a code of it, under Second factor.", code="own_membership")
    _check_is_ours_alone(member, "the second factor")
    if not second_factor.remove(member.user_id):
        raise conflict(f"{member.user.get_username()} has no second factor.", code="no_second_factor")
    member.sessions_from = clock.now()
    _save(member, "sessions_from")
    tell(MemberSecondFactorReset.about(member, reason=reason), by=by)
    return member


def require_second_factor(*, required: bool, reason: str, by: Actor) -> Tenant:
    """Of all people of the tenant. Only who has one switches this on: nobody locks everybody out, themselves first."""
    tenant = Tenant.objects.select_for_update().get(pk=tenancy.current())
    if tenant.second_factor_required == required:
        raise conflict(
            f"{tenant} {'asks' if required else 'does not ask'} for a second factor already.", code="unchanged"
        )
    if required and not second_factor.is_set_up(get_user_model()(pk=int(by.id))):
        raise conflict("Set up your own second factor first, under Second factor.", code="no_second_factor")
    tenant.second_factor_required = required
    tenant.save(update_fields=["second_factor_required"])
    tell((SecondFactorRequired if required else SecondFactorWaived).about(tenant, reason=reason), by=by)
    return tenant


def _account(username: str, email: str) -> tuple[Any, bool]:
    User = get_user_model()  # noqa: N806
    known = User._default_manager.filter(username=username).first()
    if known:
        return known, False
    user = User(username=username, email=email)
    user.set_unusable_password()
    try:
        user.full_clean()
        with transaction.atomic():
            user.save()
    except ValidationError as error:
        raise invalid(" ".join(error.messages), field_name="username") from None
    except IntegrityError:  # somebody else was faster
        raise conflict(f"There is an account {username!r} since just now; try again.", code="stale") from None
    return user, True


def _hold(member_id: UUID) -> Membership:
    """With the admins, in one order."""
    wanted = Membership.objects.filter(Q(pk=member_id) | Q(roles__contains=[Role.ADMIN]))
    held = {m.pk: m for m in wanted.select_related("user").order_by("pk").select_for_update(of=("self",))}
    if member_id not in held:
        raise not_found("member")
    return held[member_id]


def _save(member: Membership, *columns: str) -> None:
    member.version += 1
    member.save(update_fields=[*columns, "version"])


def _check_roles(roles: set[Role]) -> None:
    if not roles or not roles <= PERSON_ROLES:
        raise invalid(f"Choose among: {', '.join(sorted(PERSON_ROLES))}.", field_name="roles")


def _check_not_last_admin(member: Membership) -> None:
    admins = Membership.objects.filter(roles__contains=[Role.ADMIN], disabled_at=None, user__is_active=True)
    if Role.ADMIN in member.roles and not admins.exclude(pk=member.pk).exists():
        raise conflict("This is the last admin; make somebody else one first.", code="last_admin")


def _check_is_ours_alone(member: Membership, what: str) -> None:
    """Whoever decides how an account is entered can act as its person everywhere."""
    if member.user.is_superuser or identity.belongs_elsewhere(member.user_id, but=tenancy.current()):
        raise conflict(
            f"{member.user.get_username()} does not belong to this tenant alone, so {what} is not its admins' to give; whoever runs "
            "this installation does it, under Accounts.",
            code="other_tenants",
        )


def _is(member: Membership, by: Actor) -> bool:
    return by.id == str(member.user_id)
