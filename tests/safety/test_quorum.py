"""A quorum is met when every demand is: the truth table. No database."""

import pytest

from chimera.kernel.identity import Role
from safety.quorum import deciders, is_met, missing, one_reviewer, standing, together

R, F, OP, A = ["reviewer"], ["finance"], ["operator"], ["admin"]
BOTH = ["finance", "reviewer"]

TABLE = [
    # what is asked, who has approved, whether that is enough, what is missing
    ([(1, R)], [], False, "1 of reviewer"),
    ([(1, R)], [R], True, ""),
    ([(1, R)], [F], False, "1 of reviewer"),
    ([(1, R)], [A], True, ""),
    ([(2, R)], [R], False, "1 of reviewer"),
    ([(2, R)], [R, R], True, ""),
    ([(2, R)], [R, F], False, "1 of reviewer"),
    ([(2, R)], [R, BOTH], True, ""),
    ([(2, BOTH)], [R, F], True, ""),
    ([(2, A)], [A], False, "1 of admin"),
    ([(2, A)], [A, A], True, ""),
    ([(2, A)], [A, R, F, OP], False, "1 of admin"),
    ([(1, R), (1, F)], [R], False, "1 of finance"),
    ([(1, R), (1, F)], [R, F], True, ""),
    ([(1, R), (1, F)], [BOTH], True, ""),
    ([(2, R), (1, F)], [BOTH], False, "1 of reviewer"),
    ([(2, R), (1, F)], [BOTH, R], True, ""),
    ([(2, R), (1, F)], [R, R], False, "1 of finance"),
    ([(3, OP)], [OP, OP, R], False, "1 of operator"),
]


@pytest.mark.parametrize(("asked", "given", "enough", "left"), TABLE)
def test_a_quorum_is_met_when_every_demand_is(
    asked: list[tuple[int, list[str]]], given: list[list[str]], enough: bool, left: str
) -> None:
    demands = standing(together(asked), given)
    assert is_met(demands) is enough
    assert missing(demands) == left


def test_of_demands_for_the_same_roles_the_one_for_most_people_stays() -> None:
    assert together([(1, R), (3, R), (2, F)]) == [
        {"approvers": 3, "roles": ["reviewer"]},
        {"approvers": 2, "roles": ["finance"]},
    ]
    assert together([(1, ["finance", "admin"]), (2, ["admin", "finance"])]) == [
        {"approvers": 2, "roles": ["admin", "finance"]}
    ]


def test_reviewers_may_always_decide_and_with_them_whom_the_demands_name() -> None:
    assert deciders(one_reviewer()) == {Role.REVIEWER, Role.ADMIN}
    assert deciders(together([(1, F), (1, OP)])) == {Role.REVIEWER, Role.ADMIN, Role.FINANCE, Role.OPERATOR}
