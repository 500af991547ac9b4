"""What the comparison makes of its figures, and where it puts them."""

from pathlib import Path

import pytest

from benchmarks.swarm import layers, writing
from benchmarks.swarm.claims import levels
from benchmarks.swarm.contenders import ALL, Celery, ChimeraSdk, Procrastinate
from benchmarks.swarm.measuring import Plan, Row
from benchmarks.swarm.medians import Figure, Runs
from benchmarks.swarm.report import budget, cost, latency, ratios, targets, throughput

PLAN = Plan(jobs=100, singles=10, rate=100, at_once=1, seconds=1, idle=1, patience=1)


def _runs(contender: type, *drained: float, waited: float = 10.0) -> Runs:
    def row(per_second: float) -> Row:
        made = Row(contender, PLAN, drained_per_second=per_second, latency_ms=[waited], called_ms=[waited])
        made.drain_ms = {"worker": 1.0}
        return made

    return Runs(contender, [row(per_second) for per_second in drained])


def test_a_figure_is_the_median_with_the_least_and_the_most() -> None:
    assert _runs(Celery, 700, 750, 900).of(lambda row: row.drained_per_second) == Figure(750, 700, 900)
    assert Figure(1750, 700, 1900).shown(0) == "1 750 (700–1 900)"


def test_a_figure_of_one_run_has_no_spread() -> None:
    assert Figure(7.25, 7.25, 7.25).shown(1) == "7.2"


def test_a_target_is_met_from_its_ratio_on() -> None:
    said = targets([_runs(ChimeraSdk, 4440), _runs(Celery, 740), _runs(Procrastinate, 223)])
    assert "drained at least 6 × Celery | 6.00 × | met |" in said
    assert "drained at least 20 × Procrastinate | 19.91 × | **missed** |" in said


def test_a_dispatch_that_takes_too_long_is_a_target_that_is_missed() -> None:
    assert "20 ms | 20.0 ms | met |" in targets([_runs(ChimeraSdk, 1, waited=20.0)])
    assert "20 ms | 20.1 ms | **missed** |" in targets([_runs(ChimeraSdk, 1, waited=20.1)])


def test_each_figure_stands_as_a_ratio_to_each_other_queue() -> None:
    said = ratios([_runs(ChimeraSdk, 1500), _runs(Celery, 750), _runs(Procrastinate, 150)])
    assert "| Chimera, SDK's agent | drained/s | 2.00 | 10.00 |" in said
    assert "÷ Celery | ÷ Procrastinate |" in said.splitlines()[0]


@pytest.mark.parametrize("table", [throughput, latency, cost, ratios, targets, budget])
def test_every_table_can_be_made_of_every_row(table: object) -> None:
    assert callable(table)
    lines = table([_runs(contender, 1, 2, 3) for contender in ALL]).splitlines()
    assert len({line.count("|") for line in lines}) == 1


def test_what_is_written_replaces_its_own_part_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- bench-swarm beats -->\nold\n<!-- end of bench-swarm beats -->\nz\n")
    writing.write("beats", r"new \1", page)
    assert page.read_text() == ("a\n<!-- bench-swarm beats -->\n\nnew \\1\n\n<!-- end of bench-swarm beats -->\nz\n")


def test_a_part_that_the_page_does_not_have_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing\n")
    with pytest.raises(SystemExit, match="no place"):
        writing.write("beats", "new", page)


@pytest.mark.parametrize("part", ["queues", "budget", "beats", "claims"])
def test_the_page_has_a_place_for_every_part(part: str) -> None:
    said = writing.PAGE.read_text()
    assert said.index(f"<!-- bench-swarm {part} -->") < said.index(f"<!-- end of bench-swarm {part} -->")


@pytest.mark.parametrize(
    ("stack", "layer"),
    [
        ("run (threading.py:1);tell (chimera/kernel/eventlog.py:9);execute (psycopg/cursor.py:1)", "event"),
        ("run (threading.py:1);look (swarm/queries.py:9);filter (django/db/models/query.py:1)", "ORM"),
        ("run (twisted/internet/base.py:1);claim (swarm/actions/claims.py:9);now (datetime.py:1)", "our own code"),
        ("run (threading.py:1)", "Python"),
    ],
)
def test_a_stack_belongs_to_whom_it_works_for(stack: str, layer: str) -> None:
    assert layers.layer_of(stack) == layer


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ('SELECT "swarm_task"."id" FROM "swarm_task"', "SELECT swarm_task"),
        ("INSERT INTO kernel_event (id) VALUES ($1)", "INSERT kernel_event"),
        ("WITH ready AS (SELECT 1 FROM swarm_task t), made AS ( UPDATE swarm_task SET x = 1)", "UPDATE swarm_task"),
        ("SELECT set_config($1, $2, true)", "SELECT"),
    ],
)
def test_a_statement_is_named_by_its_verb_and_its_first_table(query: str, kind: str) -> None:
    assert layers.kind_of(query) == kind


def test_the_million_is_only_among_what_is_huge() -> None:
    assert [level.waiting for level in levels(quick=False, huge=False)] == [10_000, 100_000]
    assert (levels(quick=False, huge=True)[-1].waiting, levels(quick=False, huge=True)[-1].finished) == (
        1_000_000,
        5_000_000,
    )
