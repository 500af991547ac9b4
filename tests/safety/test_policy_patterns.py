"""Personal data and secrets are found wherever they are kept, under whatever name. No database."""

from typing import Any

import pytest

from safety.policies import Then
from tests.safety.test_policies import action, policy, rule, said


@pytest.mark.parametrize(
    ("kept", "patterns", "then"),
    [
        ("4111 1111 1111 1111 12/29 123", ["pii.card"], Then.DENY),
        ("4111-1111-1111-1111 1229", ["pii.card"], Then.DENY),
        ("12 4111 1111 1111 1111", ["pii.card"], Then.DENY),
        ("4111.1111.1111.1111", ["pii.card"], Then.DENY),
        ("4111 1111 1111 1112 12/29", ["pii.card"], Then.ALLOW),
        ("1234 5678 9012 3456 7890 1234", ["pii.card"], Then.ALLOW),
        ("AT61 1904 3002 3457 3201 EUR 500", ["pii.iban"], Then.DENY),
        ("de89-3704-0044-0532-0130-00 today", ["pii.iban"], Then.DENY),
        ("AT61 1904 3002 3457 3202 EUR 500", ["pii.iban"], Then.ALLOW),
        ("DB_PASSWORD=hunter2secret", ["secret.password"], Then.DENY),
        ({"dbPassword": "hunter2secret"}, ["secret.password"], Then.DENY),
        ("postgres://ann:hunter2secret@db/house", ["secret.password"], Then.DENY),
        ("https://example.com:8443/a@b", ["secret.password"], Then.ALLOW),
        ("STRIPE_API_KEY=abc123def456ghi789", ["secret.key"], Then.DENY),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ["secret.key"], Then.DENY),
        ({"client_secret": "abc123def456ghi789"}, ["secret.key"], Then.DENY),
        (
            "access_key: Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBek==",
            ["secret.key"],
            Then.DENY,
        ),
        ("Authorization: Bearer abc123def456ghi789jkl", ["secret.key"], Then.DENY),
        ("The bearer certificates of the harbour.", ["secret.key"], Then.ALLOW),
        ("Write to élise@example.com.", ["pii.email"], Then.DENY),
        ("_ann@exämple.de", ["pii.email"], Then.DENY),
        ("жанна@почта.рф", ["pii.email"], Then.DENY),
        ("meet @ noon.", ["pii.email"], Then.ALLOW),
        ("ann%40example.com", ["pii.email"], Then.DENY),
        ("ann&#64;example.com and ann&commat;example.com", ["pii.email"], Then.DENY),
        (r"ann\u0040example.com", ["pii.email"], Then.DENY),
        ({"body": "V3JpdGUgdG8gYW5uQGV4YW1wbGUuY29tIHRvZGF5Lg=="}, ["pii.email"], Then.DENY),
        ({"body": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"}, ["pii.email"], Then.ALLOW),
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
