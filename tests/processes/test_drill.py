"""The budget drill, small: the real guard passes it, and the control (check, then add) must break a limit before its eyes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.processes import proc

pytestmark = pytest.mark.slow

SMALL = ("--processes", "3", "--holds", "20", "--seconds", "36")
PATIENCE_SECONDS = 400  # of which it spends 36; the rest is for a machine that does other things too


def drill(folder: Path, *words: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, report and output of `manage.py drill budget`."""
    command = [sys.executable, "manage.py", "drill", "budget", *SMALL, "--out", str(folder), *words]
    ended = subprocess.run(
        command, cwd=proc.ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_SECONDS
    )
    (written,) = folder.glob("*.json")
    assert written.with_suffix(".md").read_text().startswith("# Budget drill")
    return ended.returncode, json.loads(written.read_text()), ended.stdout + ended.stderr


def test_budgets_hold_while_everything_around_them_breaks(tmp_path: Path) -> None:
    code, report, said = drill(tmp_path)
    failed = [check for check in report["checks"] if not check["passed"]]
    assert (code, failed) == (0, []), said
    assert report["seen"]["breaches"] == []
    assert report["seen"]["samples"] > 100
    happened = " ".join(event["what"] for event in report["events"])
    for word in ("killed", "FLUSHALL", "Redis was killed", "midnight", "clocks change", "end of a month", "USDC"):
        assert word in happened, word


def test_control_check_then_add_overshoots_and_the_drill_sees_it(tmp_path: Path) -> None:
    code, report, said = drill(tmp_path, "--naive")
    assert code == 1, said
    assert report["seen"]["broken"] > 0
    assert {breach["by"] for breach in report["seen"]["breaches"]} >= {
        "the window passes its limit",
        "the ledger passes the limit",
    }
    assert "the drill can see" in said
