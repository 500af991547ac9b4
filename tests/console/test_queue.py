"""The queue and the card."""

from tests.console.desk import QUEUE, Desk


def test_a_waiting_card_stands_in_the_queue(rita: Desk, waiting: str) -> None:
    page = rita.get(QUEUE).ok()
    assert "Write a post about the harbour" in page.text
    assert waiting in page.html


def test_the_card_shows_everything_on_one_screen(rita: Desk, waiting: str) -> None:
    page = rita.get(f"{QUEUE}{waiting}/").ok()
    for word in (
        "Swim at high tide",
        "confidence 0.80",
        "question",
        "why",
        "task claimed",
        "Its agents looked nothing up",
    ):
        assert word in page.text, word
    assert page.buttons == {"approve", "approve_edited", "request_changes", "reject", "claim"}


def test_approving_completes_the_task_and_says_who_did_it(rita: Desk, waiting: str) -> None:
    page = rita.post(f"{QUEUE}{waiting}/approve/").ok()
    assert "rita@acme approved" in page.text
    assert "Approved by rita@acme at" in page.text
    assert page.buttons == set()
