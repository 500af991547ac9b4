"""Personal data and secrets are found wherever they are kept, under whatever name. No database."""

from typing import Any

import pytest

from safety.policies import Then
from tests.safety.test_policies import action, policy, rule, said


@pytest.mark.parametrize(
    ("kept", "patterns", "then"),
    [
        ({"card": 4111111111111111}, ["pii.card"], Then.DENY),
        ({"card": 4111111111111112}, ["pii.card"], Then.ALLOW),
        ({"api_key": "a1b2c3d4e5f6g7h8i9"}, ["secret.key"], Then.DENY),
        ({"login": {"keys": ["x"], "pwd": ["hunter2secret"]}}, ["secret.password"], Then.DENY),
        ({"mail": True, "pwd": {}}, ["secret.password", "pii.card"], Then.ALLOW),
        ({"card": "4111\u20131111\u20131111\u20131111"}, ["pii.card"], Then.DENY),
        ({"card": "4111 \u061c1111\U000e0061 1111 1111"}, ["pii.card"], Then.DENY),
        ({"text": "1234567890123 " * 1_100 + "4111111111111111"}, ["pii.card"], Then.DENY),
        ({"token": "github_pat_11ABCDEFG0abcdefghij_klmnopqrstuvwxyz0123456789"}, ["secret.key"], Then.DENY),
    ],
)
def test_patterns_are_looked_for_in_all_that_is_kept(kept: Any, patterns: list[str], then: Then) -> None:
    assert said(action("send", "Nothing to see.", kept=kept), policy(rule("deny", patterns=patterns))) is then
