"""The README's table leads from every rpc to its servicer, its use case and its port, and stays true."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KIT = "libs/servicekit/src/servicekit/"
"""Watching a changelog is the kit's use case, the same for all."""
RPC = re.compile(r"^ *rpc (\w+)\(", re.MULTILINE)
ROW = re.compile(
    r"^\| (\w+)\.(\w+) \| \[(\w+)\]\(([^)]+)\) \| \[(\w+)\]\(([^)]+)\) \| \[(\w+)\]\(([^)]+)\) \|$"
)


def contract_rpcs() -> set[tuple[str, str]]:
    """(service package, rpc) of every contract."""
    return {
        (path.parts[-3], name)
        for path in (ROOT / "protos/huaxiang").rglob("*_service.proto")
        for name in RPC.findall(path.read_text())
    }


def rows() -> list[tuple[str, ...]]:
    table = (ROOT / "README.md").read_text().split("<!-- rpcs", 1)[1].split("<!-- end of rpcs -->", 1)[0]
    return [match.groups() for line in table.splitlines() if (match := ROW.match(line))]


@cache
def defined(path: Path) -> frozenset[str]:
    """Names of classes, functions and methods that a file defines."""
    kinds = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    return frozenset(node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, kinds))


def test_every_rpc_has_a_row() -> None:
    assert {(row[0], row[1]) for row in rows()} == contract_rpcs()


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row[0]}.{row[1]}")
def test_a_row_names_what_is_there(row: tuple[str, ...]) -> None:
    service, rpc, servicer, servicer_path, use_case, use_case_path, port, port_path = row
    for path in (servicer_path, use_case_path, port_path):
        assert path.startswith((f"services/{service}/src/{service}/", KIT)), path
    assert {servicer, rpc} <= defined(ROOT / servicer_path)
    assert use_case in defined(ROOT / use_case_path)
    assert port in defined(ROOT / port_path)
