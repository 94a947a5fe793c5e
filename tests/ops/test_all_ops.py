"""No operation without a row: each family's operations occur in the table of its test file."""

import importlib

import pytest

from kilnn.ops.spec import REGISTRY, Op

TABLES = {
    "arithmetic": ["arithmetic"], "powers": ["arithmetic"], "elementary": ["elementary"], "rounding": ["elementary"],
    "comparison": ["comparison"], "selection": ["selection"], "creation": ["creation"], "reduction": ["reduction"],
    "sorting": ["sorting"], "shaping": ["shaping"], "joining": ["joining"], "indexing": ["indexing"],
    "masking": ["indexing"], "gathering": ["gathering"], "matmul": ["matmul"],
}  # fmt: skip

# Tested by their own functions: their operands or results are no rows of a table.
ELSEWHERE = {"nonzero", "true_places", "masked_select", "index_mask", "cast", "move"}


def ops_of(family: str) -> set[str]:
    importlib.import_module(f"kilnn.ops.{family}")
    return {name for name, op in REGISTRY.items() if op.fn.__module__ == f"kilnn.ops.{family}"}


def without_rows(ops: set[str], tables: list[str]) -> set[str]:
    tested = {row.op.name for name in tables for row in importlib.import_module(f"tests.ops.test_{name}").ROWS}
    return ops - tested - ELSEWHERE


@pytest.mark.parametrize("family", TABLES)
def test_every_operation_has_a_row(family):
    assert ops_of(family) and not without_rows(ops_of(family), TABLES[family])


def test_a_missing_row_is_noticed():
    assert without_rows({"add", "no such operation"}, ["arithmetic"]) == {"no such operation"}


@pytest.mark.parametrize("family", TABLES)
def test_formulas_name_what_the_operation_has(family):
    for name in ops_of(family):
        op = REGISTRY[name]
        assert isinstance(op, Op)
        for operand, rule in op.rules.items():
            assert operand in op.operands or operand == op.variadic
            assert rule.cotangents, f"{name}: the formula of {operand} does not use the cotangent"
