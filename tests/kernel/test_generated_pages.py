"""Generated pages are current; a stale one is refused."""

from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command


@pytest.mark.parametrize("command", ["draw_states", "draw_events", "draw_roles"])
def test_a_generated_page_is_current(command: str) -> None:
    call_command(command, "--check")


@pytest.mark.parametrize(
    ("command", "page"), [("draw_states", "states.md"), ("draw_events", "events.md"), ("draw_roles", "roles.md")]
)
def test_a_stale_page_is_refused(command: str, page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "BASE_DIR", tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / page).write_text("what it was before")
    with pytest.raises(CommandError, match="stale"):
        call_command(command, "--check")
