"""Money is Decimal, from the API to the row: no float in commerce, nor in a flow that touches it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.db import connection

from tests.architecture.tree import imports, parsed, python

EXCUSED = {
    "chimera/flows/reactions.py": "the clock's periods are seconds",
}
SCORES = {"confidence_score", "judge_score"}  # a score is no money, and JSON has no other number for it


def _touches_money(path: Path) -> bool:
    return path.parts[0] == "commerce" or any(name.split(".")[0] == "commerce" for name in imports(path))


SOURCES = [p for p in python("commerce", "chimera") if _touches_money(p) and str(p) not in EXCUSED]


def floats(tree: ast.AST) -> Iterator[int]:
    """Lines with a float literal, a FloatField, or the name `float`, except where a score is shown."""
    scores = {id(part) for node in ast.walk(tree) if _is_score(node) for part in ast.walk(node)}
    for node in ast.walk(tree):
        literal = isinstance(node, ast.Constant) and isinstance(node.value, float)
        named = isinstance(node, ast.Name) and node.id == "float"
        column = isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node).endswith("FloatField")
        if (literal or named or column) and id(node) not in scores:
            yield getattr(node, "lineno", 0)


def _is_score(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Name(id="float"), args=[ast.Attribute(attr=name)]):
            return name in SCORES
        case _:
            return False


def test_the_walk_finds_the_money() -> None:
    flows = {path.stem for path in SOURCES if path.parts[:2] == ("chimera", "flows")}
    assert {"authorise_spend", "capture_spend", "void_spend", "expire_holds", "read_usage"} <= flows


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_no_float_meets_money(path: Path) -> None:
    assert list(floats(parsed(path))) == []


@pytest.mark.parametrize(
    "line", ["x = 0.1", "x = float(amount)", "x: float = 0", "x = models.FloatField()", "x = FloatField()", "x = 1e6"]
)
def test_a_planted_float_is_found(line: str) -> None:
    assert list(floats(ast.parse(line))) == [1]


@pytest.mark.usefixtures("db")
def test_no_column_of_commerce_is_a_float() -> None:
    tables = [model._meta.db_table for model in apps.get_app_config("commerce").get_models()]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_name = ANY(%s)",
            [tables],
        )
        columns = cursor.fetchall()
    money = {(table, column): kind for table, column, kind in columns if column.endswith("_usd")}
    assert len(money) > 5
    assert set(money.values()) == {"numeric"}
    assert not {kind for _, _, kind in columns} & {"real", "double precision"}
