"""init, up, down, status, sandbox: the suite on this machine."""

import asyncio
import datetime as dt
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.commands.options import AsJson, BasePort, Folder
from cli.exits import Exit, Refusal, reporting
from cli.output import console, notes, print_json, table
from cli.suite import running
from cli.suite.folder import SuiteFolder
from cli.suite.programs import DEFAULT_BASE_PORT, Ports, programs
from cli.text_files import read_text


@reporting
def init(
    folder: Folder = None,
    seed: Annotated[int | None, typer.Option(help="Make the same keys every time; for demos only.")] = None,
    base_port: BasePort = DEFAULT_BASE_PORT,
    as_json: AsJson = False,
) -> None:
    """Make the keys and secrets of a suite, where they are missing."""
    from cli.suite.providers import write_provider_files
    from cli.suite.secrets import create_secrets

    suite = SuiteFolder.chosen(folder)
    created = create_secrets(suite, seed)
    if not suite.accounts.exists():
        write_provider_files(suite, Ports(base_port))
    if as_json:
        print_json({"secrets": str(suite.secrets), "created": created})
    else:
        console.print(f"keys {'written to' if created else 'are already in'} {suite.secrets}")


@reporting
def up(
    folder: Folder = None,
    detach: Annotated[bool, typer.Option("--detach", help="Return when the suite serves.")] = False,
    sandbox: Annotated[
        bool, typer.Option("--sandbox/--no-sandbox", help="Also run the providers' sandbox.")
    ] = True,
    sandbox_settings: Annotated[
        Path | None,
        typer.Option(help="YAML that adds to the sandbox's settings: faults, receipts, responses."),
    ] = None,
    trace: Annotated[bool, typer.Option("--trace", help="Write every span to trace.jsonl.")] = False,
    now: Annotated[
        str | None,
        typer.Option(help="Start the suite's own clock here, for example 2026-06-30T12:00:00+08:00."),
    ] = None,
    speed: Annotated[float, typer.Option(help="Seconds of the suite's clock per second.", min=0.0)] = 1.0,
    compile_ahead: Annotated[
        bool,
        typer.Option(
            "--compile-ahead/--no-compile-ahead",
            envvar="HUAXIANG_COMPILE_AHEAD",
            help="Compile kernels before the first start; without, services do so when they first need them.",
        ),
    ] = True,
    base_port: BasePort = DEFAULT_BASE_PORT,
) -> None:
    """Start the four services and the sandbox, and restart what dies. Stop with Ctrl-C or huaxiang down."""
    from servicekit.clock import write_clock_file

    from cli.suite.health import not_following
    from cli.suite.kernels import compile_missing
    from cli.suite.providers import write_provider_files
    from cli.suite.secrets import create_secrets
    from cli.suite.starting import addresses, start_detached
    from cli.suite.supervisor import Supervisor, require_free_ports

    suite, moment, settings = SuiteFolder.chosen(folder), _moment(now), _settings(sandbox_settings)
    if detach:
        options = [f"--base-port={base_port}", "--sandbox" if sandbox else "--no-sandbox", f"--speed={speed}"]
        options += [f"--sandbox-settings={sandbox_settings.absolute()}"] if sandbox_settings else []
        options += [f"--now={now}"] if now is not None else []
        options += ["--no-compile-ahead"]
        if compile_ahead:
            compile_missing(suite.numba, notes.print)
        console.print(start_detached(suite, [*options, *(["--trace"] if trace else [])], say=notes.print))
        return
    ports = Ports(base_port)
    with running.held(suite):
        own_clock = now is not None or speed != 1.0 or suite.clock.exists()
        started = programs(suite, ports, sandbox=sandbox, trace=trace, own_clock=own_clock, extra={})
        require_free_ports(started)
        create_secrets(suite)
        write_provider_files(suite, ports, settings)
        if now is not None or speed != 1.0:
            write_clock_file(suite.clock, moment, speed)
        if compile_ahead:
            compile_missing(suite.numba, notes.print)
        supervisor = Supervisor(started, suite.logs, suite.state, notes.print, lambda: not_following(ports))
        supervisor.run(lambda: notes.print(addresses(ports, sandbox=sandbox)))


@reporting
def compile_kernels(folder: Folder = None, as_json: AsJson = False) -> None:
    """Compile the kernels of tagging and segments, once, so that no first question waits for it."""
    from cli.suite.kernels import compile_missing

    suite = SuiteFolder.chosen(folder)
    found = compile_missing(suite.numba, notes.print)
    if as_json:
        print_json({"folder": str(suite.numba), "kernels": [asdict(each) for each in found]})
    else:
        console.print(f"kernels are kept in {suite.numba}", markup=False, soft_wrap=True)
    if any(each.problem for each in found):
        raise SystemExit(int(Exit.FAILED))


@reporting
def down(folder: Folder = None, as_json: AsJson = False) -> None:
    """Stop the suite; everything it acknowledged is stored."""
    stopped = running.end(SuiteFolder.chosen(folder))
    if as_json:
        print_json({"stopped": bool(stopped), "processes": stopped})
    elif not stopped:
        console.print("no suite runs here")
    elif running.SUPERVISOR in stopped:
        console.print("the suite has stopped")
    else:
        console.print(f"the suite's supervisor had ended; stopped what it left: {', '.join(stopped)}")


@reporting
def status(folder: Folder = None, as_json: AsJson = False) -> None:
    """Show which processes run and whether they serve."""
    from cli.suite.health import health_of

    suite = running.require(SuiteFolder.chosen(folder))
    health = asyncio.run(health_of(suite))
    rows = [
        {
            "name": name,
            **{part: process[part] for part in ("pid", "port", "restarts")},
            "health": health.get(name, "-"),
        }
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


@reporting
def sandbox(folder: Folder = None, base_port: BasePort = DEFAULT_BASE_PORT) -> None:
    """Run the providers' sandbox alone, with the settings of the suite in the folder. Stop with Ctrl-C."""
    suite = SuiteFolder.chosen(folder)
    if not suite.sandbox_settings.exists():
        raise Refusal(f"{suite.root} has no settings of a sandbox; make them with: huaxiang init", Exit.USAGE)
    own_clock = suite.clock.exists()
    found = programs(suite, Ports(base_port), sandbox=True, trace=False, own_clock=own_clock, extra={})
    program = next(each for each in found if each.name == "sandbox")
    os.execve(sys.executable, program.command, {**os.environ, **program.environment})  # noqa: S606  # our own module


def _settings(path: Path | None) -> dict[str, Any] | None:
    if path is None:
        return None
    import yaml

    try:
        content = yaml.safe_load(read_text(path))
    except (OSError, yaml.YAMLError) as error:
        raise Refusal(f"{path} cannot be read as YAML: {error}", Exit.USAGE) from error
    if not isinstance(content, dict):
        raise Refusal(f"{path} is not a mapping of the sandbox's settings", Exit.USAGE)
    return content


def _moment(text: str | None) -> dt.datetime:
    if text is None:
        return dt.datetime.now(dt.UTC)
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise Refusal(
            f"--now {text!r} is not a moment such as 2026-06-30T12:00:00+08:00", Exit.USAGE
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
