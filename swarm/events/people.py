"""What can be told about the people of a tenant: who may do what, who was let in or kept out, and by whom."""

from typing import Any, ClassVar, Self

from chimera.kernel.eventlog import Fact


class MemberFact(Fact):
    person_id: str  # of the account, which may have other tenants too
    person: str

    @classmethod
    def about(cls, member: Any, **more: Any) -> Self:
        return cls(
            aggregate_id=member.pk,
            aggregate_version=member.version,
            person_id=str(member.user_id),
            person=member.user.get_username(),
            **more,
        )


class MemberAdded(MemberFact):
    type: ClassVar[str] = "swarm.member.added"
    roles: list[str]
    is_new_account: bool  # False: somebody with an account was added, and logs in as before


class MemberInvited(MemberFact):
    """A link was issued, with which the person sets a password; those issued before are void once one is used."""

    type: ClassVar[str] = "swarm.member.invited"


class MemberRolesChanged(MemberFact):
    type: ClassVar[str] = "swarm.member.roles_changed"
    before: dict[str, list[str]]
    roles: list[str]
    reason: str


class MemberDisabled(MemberFact):
    """Neither sessions nor tokens of this person are accepted for this tenant any more."""

    type: ClassVar[str] = "swarm.member.disabled"
    reason: str


class MemberEnabled(MemberFact):
    """Sessions from before stay ended."""

    type: ClassVar[str] = "swarm.member.enabled"
    reason: str


class MemberSessionsEnded(MemberFact):
    """For this tenant, whoever logged in before this must log in again; with `tokens_revoked`, that many tokens ended too."""

    type: ClassVar[str] = "swarm.member.sessions_ended"
    tokens_revoked: int
    reason: str


class MemberSecondFactorReset(MemberFact):
    """Somebody who lost phone and recovery codes sets up another second factor at the next login."""

    type: ClassVar[str] = "swarm.member.second_factor_reset"
    reason: str


class PersonalTokenFact(MemberFact):
    """About the member whose it is; of its secret no more is told than how it begins."""

    token: str  # its id
    name: str
    prefix: str


class PersonalTokenMade(PersonalTokenFact):
    type: ClassVar[str] = "swarm.member.token_made"
    scopes: list[str]  # empty: everything that the person's roles allow
    expires_at: str


class PersonalTokenRevoked(PersonalTokenFact):
    type: ClassVar[str] = "swarm.member.token_revoked"


class SecondFactorRuleFact(Fact):
    reason: str

    @classmethod
    def about(cls, tenant: Any, *, reason: str) -> Self:
        """Of the tenant, which has no versions of its own; nobody reacts to these."""
        return cls(aggregate_id=tenant.pk, aggregate_version=1, reason=reason)


class SecondFactorRequired(SecondFactorRuleFact):
    """From now on people's sessions without a second factor are led to set one up, and tokens of those without are refused."""

    type: ClassVar[str] = "swarm.tenant.second_factor_required"


class SecondFactorWaived(SecondFactorRuleFact):
    """Whoever has one is still asked for it."""

    type: ClassVar[str] = "swarm.tenant.second_factor_waived"
