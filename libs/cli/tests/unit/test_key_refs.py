"""How identifiers are named on the command line."""

from pathlib import Path

import pytest
from cli.calls.identity import key_ref
from cli.exits import Exit, Refusal
from cli.main import app
from typer.testing import CliRunner


def test_an_identifier_is_named_in_three_ways() -> None:
    assert key_ref("key:17").key_id == 17
    assert (key_ref("phone=139").identifier.namespace, key_ref("phone=139").identifier.value) == (
        "phone",
        "139",
    )
    scoped = key_ref("crm_id=crm:7").identifier
    assert (scoped.scope, scoped.value) == ("crm", "7")
    record = key_ref("record:shop/o/1").record
    assert (record.source, record.record_id) == ("shop", "o/1")


@pytest.mark.parametrize("text", ["", "17", "phone=", "record:shop", "key:x", "key:²"])
def test_what_names_nothing_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        key_ref(text)
    assert refused.value.code is Exit.USAGE


LONG = "9" * 20


@pytest.mark.parametrize(
    "command",
    [
        ("identity", "undo", LONG, "--reason", "r"),
        ("identity", "policy", "show", "--version", LONG),
        ("privacy", "status", LONG),
        ("privacy", "status", "²"),
        ("privacy", "audit", "--person", LONG),
    ],
)
def test_a_number_that_no_id_can_be_is_refused(command: tuple[str, ...], tmp_path: Path) -> None:
    ended = CliRunner().invoke(app, [*command, "--folder", str(tmp_path)])
    assert ended.exit_code in {Exit.USAGE, Exit.BAD_DATA}, ended.output
    assert isinstance(ended.exception, SystemExit)
    with pytest.raises(Refusal, match="so long an id"):
        key_ref(f"key:{LONG}")
