"""Errors become one sentence and an exit code that means something."""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import grpc
import pytest
from cli.exits import Exit, Refusal, explanation, reporting
from cli.main import app
from cli.suite.patience import patiently
from google.rpc import error_details_pb2, status_pb2
from grpc.aio import AioRpcError, Metadata
from servicekit.errors import ServiceError
from typer.main import get_command
from typer.testing import CliRunner


def failed(code: grpc.StatusCode) -> AioRpcError:
    return AioRpcError(code, Metadata(), Metadata(), "because")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (grpc.StatusCode.UNAVAILABLE, Exit.NOT_REACHED),
        (grpc.StatusCode.DEADLINE_EXCEEDED, Exit.NOT_REACHED),
        (grpc.StatusCode.UNAUTHENTICATED, Exit.REFUSED),
        (grpc.StatusCode.PERMISSION_DENIED, Exit.REFUSED),
        (grpc.StatusCode.INVALID_ARGUMENT, Exit.BAD_DATA),
        (grpc.StatusCode.ABORTED, Exit.CONFLICT),
        (grpc.StatusCode.ALREADY_EXISTS, Exit.CONFLICT),
        (grpc.StatusCode.FAILED_PRECONDITION, Exit.CONFLICT),
        (grpc.StatusCode.INTERNAL, Exit.FAILED),
    ],
)
def test_a_status_has_its_exit_code(code: grpc.StatusCode, expected: Exit) -> None:
    explained = explanation(failed(code))
    assert explained is not None
    assert explained[1] is expected
    assert "because" in explained[0]


def test_an_error_that_is_not_ours_to_explain_is_raised() -> None:
    assert explanation(ValueError("a fault of ours")) is None

    @reporting
    def command() -> None:
        raise ValueError("a fault of ours")

    with pytest.raises(ValueError, match="a fault of ours"):
        command()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Refusal("no", Exit.CONFLICT), Exit.CONFLICT),
        (ServiceError("no"), Exit.FAILED),
        (KeyboardInterrupt(), Exit.FAILED),
    ],
)
def test_a_command_leaves_with_one_line(
    error: BaseException, expected: Exit, capsys: pytest.CaptureFixture[str]
) -> None:
    @reporting
    def command() -> None:
        raise error

    with pytest.raises(SystemExit) as left:
        command()
    assert left.value.code == expected
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "kind", "said"),
    [
        (["status"], "not_reached", "huaxiang up"),
        (["segments", "preview", "DID order_paid", "--population", "some"], "not_reached", "huaxiang up"),
        (["portrait"], "usage", "--identifier"),
        (["segments", "preview"], "usage", "Missing argument"),
        (["tags", "list", "--nosuch"], "usage", "--nosuch"),
    ],
)
def test_with_json_an_error_is_one_document(
    tmp_path: Path, arguments: list[str], kind: str, said: str
) -> None:
    command = [sys.executable, "-m", "cli", *arguments, "--json"]
    left = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "HUAXIANG_FOLDER": str(tmp_path)},
    )
    error = json.loads(left.stdout)["error"]
    assert set(error) == {"exit_code", "kind", "reason", "message"}
    assert (error["kind"], error["exit_code"]) == (kind, left.returncode)
    assert said in error["message"]
    assert left.returncode == Exit[kind.upper()]
    assert said in left.stderr


def test_with_json_an_error_carries_the_reason_of_the_service(capsys: pytest.CaptureFixture[str]) -> None:
    told = error_details_pb2.ErrorInfo(reason="RULE_INVALID", domain="segments.huaxiang")
    status = status_pb2.Status(code=3, message="because")
    status.details.add().Pack(told)
    details = Metadata(("grpc-status-details-bin", status.SerializeToString()))

    @reporting
    def command(as_json: bool) -> None:
        raise AioRpcError(grpc.StatusCode.INVALID_ARGUMENT, Metadata(), details, "because")

    with pytest.raises(SystemExit):
        command(as_json=True)
    error = json.loads(capsys.readouterr().out)["error"]
    assert (error["reason"], error["kind"]) == ("RULE_INVALID", "bad_data")


@pytest.mark.parametrize(
    ("right", "said"),
    [
        ("tagging.reviews.write", "carry it: admin, reviewer ("),
        ("identity.persons.resolve", "carry it: admin ("),
        ("act for another tenant", "because ["),
    ],
)
def test_a_right_that_is_missing_is_told_with_the_roles_that_carry_it(right: str, said: str) -> None:
    told = error_details_pb2.ErrorInfo(reason="RIGHT_MISSING", domain="huaxiang", metadata={"right": right})
    status = status_pb2.Status(code=7, message="because")
    status.details.add().Pack(told)
    details = Metadata(("grpc-status-details-bin", status.SerializeToString()))
    explained = explanation(AioRpcError(grpc.StatusCode.PERMISSION_DENIED, Metadata(), details, "because"))
    assert explained is not None
    assert said in explained[0]


def test_with_json_a_fault_of_ours_is_a_document_and_still_raised(capsys: pytest.CaptureFixture[str]) -> None:
    @reporting
    def command(as_json: bool) -> None:
        raise ValueError("a fault of ours, with 13800000001 in it")

    with pytest.raises(ValueError, match="a fault of ours"):
        command(as_json=True)
    said = capsys.readouterr().out
    assert json.loads(said)["error"]["kind"] == "failed"
    assert "138" not in said


async def test_patience_waits_for_a_service_that_is_away_and_for_nothing_else() -> None:
    answers = [failed(grpc.StatusCode.UNAVAILABLE), failed(grpc.StatusCode.UNAVAILABLE), None]

    async def call() -> str:
        answer = answers.pop(0)
        if answer is not None:
            raise answer
        return "here"

    assert await patiently(call) == "here"

    async def refuse() -> str:
        raise failed(grpc.StatusCode.NOT_FOUND)

    with pytest.raises(AioRpcError):
        await patiently(refuse)

    async def never() -> str:
        raise failed(grpc.StatusCode.UNAVAILABLE)

    with pytest.raises(AioRpcError):
        await patiently(never, within_s=0.05)


async def test_patience_ends_when_it_is_cancelled() -> None:
    waiting = asyncio.ensure_future(patiently(lambda: asyncio.sleep(60, "late")))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


def test_help_names_the_exit_codes_and_every_command() -> None:
    shown = CliRunner().invoke(app, ["--help"])
    assert shown.exit_code == 0
    for word in (
        "up",
        "down",
        "status",
        "demo",
        "import",
        "tags",
        "segments",
        "portrait",
        "explain",
        "lake",
        "sandbox",
    ):
        assert f"  {word} " in shown.output, word
    assert "4 a service is not reached" in " ".join(shown.output.split())


@pytest.mark.parametrize(
    "arguments",
    [
        ["status"],
        ["tags", "list"],
        ["segments", "preview", "DID order_paid"],
        ["portrait", "7"],
        ["explain", "tag", "gender", "7"],
        ["lake", "flush"],
    ],
)
def test_without_a_suite_a_command_says_how_to_start_one(tmp_path: Path, arguments: list[str]) -> None:
    refused = CliRunner().invoke(app, [*arguments, "--folder", str(tmp_path)])
    assert refused.exit_code == Exit.NOT_REACHED
    assert "huaxiang up" in refused.output


def test_help_loads_nothing_heavy() -> None:
    """Whoever asks for help waits for typer and nothing else."""
    program = (
        "import sys\nimport cli.main\n"
        "heavy = {'grpc', 'pyarrow', 'duckdb', 'sqlalchemy', 'google.protobuf', 'numpy', 'numba'} & set(sys.modules)\n"
        "sys.exit(', '.join(sorted(heavy)) or 0)"
    )
    loaded = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert loaded.returncode == 0, loaded.stderr


def test_help_comes_within_a_second_of_computing() -> None:
    import resource

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    subprocess.run([sys.executable, "-m", "cli", "--help"], capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime - before.ru_utime < 1.0, f"{time.monotonic() - started:.1f} s by the clock"


def test_every_command_takes_json_but_those_that_serve_until_they_are_stopped() -> None:
    def without(command: Any, path: str) -> list[str]:
        below = getattr(command, "commands", None)
        if below is None:
            return [] if any("--json" in option.opts for option in command.params) else [path]
        return [found for name, each in below.items() for found in without(each, f"{path} {name}".strip())]

    assert without(get_command(app), "") == ["up", "sandbox"]
