"""A person's own tokens, by which scripts and bots act in their name for the bound tenant. Nobody makes one for somebody else."""

from datetime import timedelta
from uuid import UUID

from chimera.kernel import clock
from chimera.kernel.actors import Actor
from chimera.kernel.errors import conflict, invalid, not_found
from chimera.kernel.eventlog import tell
from swarm.actions import tenants
from swarm.events import PersonalTokenMade, PersonalTokenRevoked
from swarm.models import Membership, PersonalToken

TOKENS_MAX = 20  # of one person in one tenant that are good: one for each script, and none forgotten among hundreds
DAYS_MAX = tenants.TOKEN_LIFE.days
READ = "read"


def make(*, name: str, days: int, read_only: bool = False, by: Actor) -> tuple[PersonalToken, str]:
    """The token, and its secret, which is never shown again. It carries the roles that its person has at each call. 409 `too_many`."""
    member = _hold_own(by)
    if not name.strip():
        raise invalid("Say what it is for: it is how you find it again.", field_name="name", code="blank")
    if not 1 <= days <= DAYS_MAX:
        raise invalid(f"A token is good for 1 to {DAYS_MAX} days.", field_name="days")
    standing = PersonalToken.objects.filter(user_id=member.user_id, revoked_at=None, expires_at__gt=clock.now())
    if standing.count() >= TOKENS_MAX:
        raise conflict(f"You have {TOKENS_MAX} tokens that are good; revoke one.", code="too_many")
    token, secret = tenants.issue_token(
        user=member.user, name=name.strip(), scopes=[READ] if read_only else [], life=timedelta(days=days)
    )
    assert token.expires_at is not None
    told = {"scopes": token.scopes, "expires_at": clock.written(token.expires_at)}
    tell(PersonalTokenMade.about(member, **_of(token), **told), by=by)
    return token, secret


def revoke(*, token_id: UUID, by: Actor) -> PersonalToken:
    """Nothing that shows it is accepted from now on. 404 for somebody else's, 409 `already_revoked`."""
    member = _hold_own(by)
    token: PersonalToken | None = PersonalToken.objects.filter(pk=token_id, user_id=member.user_id).first()
    if token is None:
        raise not_found("token")
    if token.revoked_at:
        raise conflict(f"“{token.name}” is revoked already.", code="already_revoked")
    token.revoked_at = clock.now()
    token.save(update_fields=["revoked_at"])
    tell(PersonalTokenRevoked.about(member, **_of(token)), by=by)
    return token


def _of(token: PersonalToken) -> dict[str, str]:
    return {"token": str(token.pk), "name": token.name, "prefix": token.prefix}


def _hold_own(by: Actor) -> Membership:
    """Locked, so that two pages of one person count one after the other."""
    own = Membership.objects.select_related("user").filter(user_id=int(by.id))
    return own.select_for_update(of=("self",)).get()
