"""init, up, down, status: the suite on this machine."""

import asyncio
import datetime as dt
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import grpc
import typer
from grpc_health.v1 import health_pb2, health_pb2_grpc
from servicekit.clock import SystemClock, write_clock_file

from cli.exits import Exit, Refusal, reporting
from cli.output import console, notes, print_json, table
from cli.suite import running
from cli.suite.folder import SuiteFolder
from cli.suite.programs import DEFAULT_BASE_PORT, Ports, programs
from cli.suite.providers import write_provider_files
from cli.suite.secrets import create_secrets
from cli.suite.supervisor import Supervisor, require_free_ports

Folder = Annotated[
    Path | None,
    typer.Option("--folder", help="The suite's folder; HUAXIANG_FOLDER or var/huaxiang by default."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
BasePort = Annotated[
    int, typer.Option("--base-port", help="All ports follow from it: 7100 gives 7101 to 7104.")
]
DETACHED_WITHIN_S = 75.0


@reporting
def init(
    folder: Folder = None,
    seed: Annotated[int | None, typer.Option(help="Make the same keys every time; for demos only.")] = None,
    base_port: BasePort = DEFAULT_BASE_PORT,
) -> None:
    """Make the keys and secrets of a suite, where they are missing."""
    suite = SuiteFolder.chosen(folder)
    created = create_secrets(suite, seed)
    if not suite.accounts.exists():
        write_provider_files(suite, Ports(base_port))
    console.print(f"keys {'written to' if created else 'are already in'} {suite.secrets}")


@reporting
def up(
    folder: Folder = None,
    detach: Annotated[bool, typer.Option("--detach", help="Return when the suite serves.")] = False,
    sandbox: Annotated[
        bool, typer.Option("--sandbox/--no-sandbox", help="Also run the providers' sandbox.")
    ] = True,
    trace: Annotated[bool, typer.Option("--trace", help="Write every span to trace.jsonl.")] = False,
    now: Annotated[
        str | None,
        typer.Option(help="Start the suite's own clock here, for example 2026-06-30T12:00:00+08:00."),
    ] = None,
    speed: Annotated[float, typer.Option(help="Seconds of the suite's clock per second.", min=0.0)] = 1.0,
    base_port: BasePort = DEFAULT_BASE_PORT,
) -> None:
    """Start the four services and the sandbox, and restart what dies. Stop with Ctrl-C or huaxiang down."""
    suite = SuiteFolder.chosen(folder)
    if running.find(suite) is not None:
        raise Refusal(f"a suite already runs in {suite.root}; stop it with: huaxiang down", Exit.CONFLICT)
    create_secrets(suite)
    ports = Ports(base_port)
    write_provider_files(suite, ports)
    if now is not None or speed != 1.0:
        write_clock_file(suite.clock, _moment(now), speed)
    started = programs(suite, ports, sandbox=sandbox, trace=trace, own_clock=suite.clock.exists(), extra={})
    if detach:
        require_free_ports(started)
        _detach(suite, [f"--base-port={base_port}", "--sandbox" if sandbox else "--no-sandbox"], trace=trace)
        return
    supervisor = Supervisor(started, suite.logs, suite.state, notes.print)
    supervisor.run(lambda: notes.print(_addresses(ports, sandbox=sandbox)))


@reporting
def down(folder: Folder = None) -> None:
    """Stop the suite; everything it acknowledged is stored."""
    suite = running.find(SuiteFolder.chosen(folder))
    if suite is None:
        console.print("no suite runs here")
        return
    running.stop(suite)
    console.print("the suite has stopped")


@reporting
def status(folder: Folder = None, as_json: AsJson = False) -> None:
    """Show which processes run and whether they serve."""
    suite = running.require(SuiteFolder.chosen(folder))
    health = asyncio.run(_health(suite))
    rows = [
        {"name": name, **process, "health": health.get(name, "-")}
        for name, process in suite.processes.items()
    ]
    if as_json:
        print_json({"folder": str(suite.folder.root), "supervisor": suite.supervisor, "processes": rows})
    else:
        table(
            str(suite.folder.root),
            ["process", "port", "pid", "restarts", "health"],
            [
                [row["name"], str(row["port"]), str(row["pid"]), row["restarts"], row["health"]]
                for row in rows
            ],
        )
    if any(row["health"] not in {"SERVING", "-"} for row in rows):
        raise SystemExit(int(Exit.NOT_REACHED))


def _moment(text: str | None) -> dt.datetime:
    if text is None:
        return SystemClock().now()
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise Refusal(
            f"--now {text!r} is not a moment such as 2026-06-30T12:00:00+08:00", Exit.USAGE
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _detach(suite: SuiteFolder, options: list[str], *, trace: bool) -> None:
    """Runs the same command in a session of its own and waits until it serves."""
    command = [
        sys.executable,
        "-m",
        "cli",
        "up",
        f"--folder={suite.root}",
        *options,
        *(["--trace"] if trace else []),
    ]
    suite.logs.mkdir(parents=True, exist_ok=True)
    log = suite.logs / "supervisor.log"
    with log.open("ab") as output:
        start = output.tell()
        process = subprocess.Popen(  # noqa: S603  # our own command
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, start_new_session=True
        )
    until = time.monotonic() + DETACHED_WITHIN_S
    while time.monotonic() < until:
        said = log.read_bytes()[start:].decode(errors="replace")
        if process.poll() is not None:
            raise Refusal(said.strip().removeprefix("huaxiang: ") or "the suite did not start")
        if READY_MARK in said:
            console.print(said[said.index(READY_MARK) :].strip())
            return
        time.sleep(0.05)
    raise Refusal(f"the suite did not serve within {DETACHED_WITHIN_S:.0f} s; see {suite.logs}")


READY_MARK = "the suite serves: "


def _addresses(ports: Ports, *, sandbox: bool) -> str:
    names = ", ".join(
        f"{name} {ports.of(name)}" for name in ("identity", "tagging", "segments", "activation")
    )
    return READY_MARK + names + (f", sandbox {ports.sandbox}" if sandbox else "")


async def _health(suite: running.RunningSuite) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, process in suite.processes.items():
        if name == "sandbox":
            continue
        async with grpc.aio.insecure_channel(f"127.0.0.1:{process['port']}") as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            try:
                answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=2.0)
                found[name] = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
            except grpc.aio.AioRpcError as error:
                found[name] = error.code().name
    return found
