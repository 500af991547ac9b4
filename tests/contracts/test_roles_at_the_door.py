"""The API's half of the truth table, tried at the doors: of each line somebody whom it lets in, and somebody whom it does not.

Who it is takes turns from line to line; that doors state for every role what the table says, tests/architecture/test_roles.py compares.
"""

from itertools import count

from django.test import Client

from chimera import permissions
from chimera.kernel.identity import Role
from chimera.permissions import Right
from tests.cast import Caller, Stage

NOBODY = "00000000-0000-7000-8000-000000000000"
# Whom the role lets in is asked for something else besides: here to be a superuser, who runs the installation.
ASKS_MORE = {"everything/pause", "everything/stop", "everything/resume"}


def cast(stage: Stage) -> dict[Role, Caller]:
    named = {"planner": "pia", "worker": "ada", "judge": "jude", "operator": "otto", "reviewer": "rita"}
    named |= {"finance": "fay", "auditor": "anna", "admin": "boss"}
    return {Role(role): getattr(stage, who) for role, who in named.items()}


def is_let_in(right: Right, caller: Caller) -> bool:
    """Without a body and with ids of nothing, so that what is allowed is refused for something else."""
    path = f"/api/v1/{right.place.replace('{id}', NOBODY)}"
    headers = {"Authorization": f"Bearer {caller.secret}"}
    said = "" if right.act == "GET" else "{}"
    answer = Client().generic(right.act, path, said, content_type="application/json", headers=headers)
    assert answer.status_code != 401
    return not (answer.status_code == 403 and answer.json()["code"] == "role")


def test_each_line_of_the_table_holds_at_its_door(acme: Stage) -> None:
    people, turn, wrong = cast(acme), count(), []
    for right in permissions.api():
        lets_in = sorted(right.roles) if right.place not in ASKS_MORE else []
        for roles, expected in ((lets_in, True), (sorted(set(Role) - right.roles), False)):
            role = roles[next(turn) % len(roles)] if roles else None
            if role and is_let_in(right, people[role]) != expected:
                wrong.append(f"{right.act} {right.place}: {role} is {'kept out' if expected else 'let in'}")
    assert wrong == []
