"""Signatures are those of Standard Webhooks: its own library takes ours, its own example comes out of our code."""

import base64
import json

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from chimera.kernel import clock
from safety.senders import signing

BODY = json.dumps({"type": "test"}).encode()


def signed(*keys: str) -> dict[str, str]:
    return signing.headers(message_id="msg_1", timestamp=int(clock.now().timestamp()), body=BODY, keys=keys)


def test_a_message_is_signed_as_the_standards_example_is() -> None:
    said = signing.headers(
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
        keys=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )
    assert said["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_receiver_with_the_secret_takes_it_and_one_with_another_does_not() -> None:
    mine, other = signing.new_secret(), signing.new_secret()
    assert Webhook(mine).verify(BODY, signed(mine)) == {"type": "test"}
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(BODY, signed(mine))
    with pytest.raises(WebhookVerificationError):
        Webhook(mine).verify(BODY + b" ", signed(mine))


def test_while_a_secret_is_replaced_receivers_with_either_take_it() -> None:
    new, earlier = signing.new_secret(), signing.new_secret()
    for secret in (new, earlier):
        Webhook(secret).verify(BODY, signed(new, earlier))


def test_secrets_are_random_and_as_long_as_the_standard_asks() -> None:
    made = {signing.new_secret() for _ in range(10)}
    assert len(made) == 10
    assert {len(base64.b64decode(secret.removeprefix("whsec_"))) for secret in made} == {32}
