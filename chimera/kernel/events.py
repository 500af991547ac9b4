"""What can be told about people at the entrance. Told in each of the person's tenants, for an account may have several.

Attempts with a name that nobody has belong to no tenant; they stand in `kernel_loginattempt` alone.
"""

from typing import ClassVar, Literal, Self

from chimera.kernel.eventlog import Fact
from chimera.kernel.identity import Membership

Factor = Literal["none", "totp", "recovery_code"]


class PersonFact(Fact):
    person_id: str
    person: str
    address: str  # where the call came from; '' when it is not known

    @classmethod
    def about(cls, membership: Membership, **more: object) -> Self:
        return cls(aggregate_id=membership.id, aggregate_version=membership.version, **more)  # type: ignore[arg-type]


class PersonLoggedIn(PersonFact):
    type: ClassVar[str] = "kernel.person.logged_in"
    second_factor: Factor


class PersonLoginRefused(PersonFact):
    """What is refused for too many attempts is neither looked at nor told; `attempts_left` of this name were left after this one."""

    type: ClassVar[str] = "kernel.person.login_refused"
    what: Literal["password", "code"]
    attempts_left: int


class SecondFactorSetUp(PersonFact):
    type: ClassVar[str] = "kernel.person.second_factor_set_up"


class SecondFactorRemoved(PersonFact):
    type: ClassVar[str] = "kernel.person.second_factor_removed"


class RecoveryCodesRenewed(PersonFact):
    """Those from before are void."""

    type: ClassVar[str] = "kernel.person.recovery_codes_renewed"


class PasswordLinkIssued(PersonFact):
    """By whoever runs the installation; with it a password is set."""

    type: ClassVar[str] = "kernel.person.password_link_issued"


class PasswordSet(PersonFact):
    """By an invitation's link."""

    type: ClassVar[str] = "kernel.person.password_set"


class PasswordChanged(PersonFact):
    """By the person, who knew the old one; their other sessions ended with that."""

    type: ClassVar[str] = "kernel.person.password_changed"
