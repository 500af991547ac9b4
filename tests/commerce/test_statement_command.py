"""`manage.py statement`: the same as the API says, in the terminal or a file."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from tests.cast import Stage
from tests.commerce.books import at_work


def run(*words: str) -> str:
    printed = StringIO()
    call_command("statement", *words, stdout=printed)
    return printed.getvalue()


@pytest.fixture
def spent(acme: Stage) -> Stage:
    acme.budget(day_usd="10")
    acme.ada.spend(at_work(acme), "3").ok(201)
    acme.ada.spend(at_work(acme), "11").refused(402, "budget_exceeded")
    return acme


def test_it_prints_what_the_api_says(spent: Stage) -> None:
    said = spent.fay.get("statements", format="csv", group="agent,day").body.decode()
    assert run("--group", "agent,day") == said
    assert said.splitlines()[-1].startswith("total,,,0,0.00,2,14.00,1,3.00,")
    assert json.loads(run("--format", "json")) == spent.fay.get("statements").body


def test_a_file_is_there_when_it_is_whole(spent: Stage, tmp_path: Path) -> None:
    file = tmp_path / "november.csv"
    assert run("--out", str(file)) == ""
    assert file.read_bytes() == spent.fay.get("statements", format="csv").body
    with pytest.raises(CommandError, match="at most 366 days"):
        run("--from", "2024-01-01", "--to", "2025-12-31", "--out", str(tmp_path / "years.csv"))
    with pytest.raises(CommandError, match="No such file or directory"):
        run("--out", str(tmp_path / "nowhere" / "x.csv"))
    assert [path.name for path in tmp_path.iterdir()] == ["november.csv"]


def test_of_several_tenants_one_is_named_and_sees_its_own(spent: Stage, zenith: Stage) -> None:
    with pytest.raises(CommandError, match="say which with --tenant NAME: Acme, Zenith"):
        run()
    assert json.loads(run("--tenant", "Zenith", "--format", "json"))["total"]["asked_count"] == 0
    assert json.loads(run("--tenant", "Acme", "--format", "json"))["total"]["asked_count"] == 2


@pytest.mark.parametrize("words", [("--group", "galaxy"), ("--from", "soon"), ("--format", "xml")])
def test_what_is_not_understood_is_said(acme: Stage, words: tuple[str, str]) -> None:
    with pytest.raises(CommandError, match="argument"):
        run(*words)
