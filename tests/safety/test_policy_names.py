"""Tools that only look like the one that a rule names. No database."""

import pytest

from safety.policies import Then
from tests.safety.test_policies import action, policy, rule, said


@pytest.mark.parametrize(
    "tool",
    [
        "sh\u0435ll",
        "\u0455hell",
        "sheII",
        "she1l",
        "sh\tell",
        "./shell",
        "`shell`",
        "shell()",
        "\ua731hell",
        "sh\u00e9ll",
        " Shell\n",
    ],
)
def test_what_only_looks_like_a_forbidden_tool_is_forbidden_and_like_an_allowed_one_is_not_allowed(tool: str) -> None:
    assert said(action(tool), policy(rule("deny", tools=["shell"]))) is Then.DENY
    assert said(action(tool), policy(rule("review", tools=["sh*ll"]))) is Then.REVIEW
    strict = said(action(tool), policy(rule("allow", tools=["shell"])))
    assert strict is (Then.ALLOW if tool == " Shell\n" else Then.DENY)


@pytest.mark.parametrize("tool", ["shelf", "rmdir", "my.shell", "/bin/shell"])
def test_what_neither_is_nor_looks_like_a_forbidden_tool_is_not_stopped(tool: str) -> None:
    """A list of what is forbidden knows no other names of a thing; a list of what is allowed needs not to."""
    assert said(action(tool), policy(rule("deny", tools=["shell", "rm.*"]))) is Then.ALLOW
