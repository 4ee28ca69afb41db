"""privacy: tell a person what is kept, erase a person, and prove who saw what."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.options import AsJson, Folder
from cli.exits import Exit, Refusal, reporting
from cli.ids import MAX_ID, id_of
from cli.output import as_dict, console, print_json, table
from cli.suite.folder import SuiteFolder
from cli.suite.running import require

if TYPE_CHECKING:
    from huaxiang.identity.v1 import erasure_pb2

app = typer.Typer(no_args_is_help=True, help="The rights of persons, and the audit.")
Who = Annotated[str, typer.Argument(help="A person id, or an identifier: phone=13800000001, member_id=M1.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the audit: name the person's request.")]


@app.command()
@reporting
def export(
    who: Who,
    reason: Reason,
    output: Annotated[
        Path | None, typer.Option("--output", help="The archive; person-<id>.zip by default.")
    ] = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Write all that the suite keeps of a person into one archive."""
    from cli.archive import write_archive
    from cli.calls import privacy
    from cli.calls.people import person_id_of

    suite = require(SuiteFolder.chosen(folder))
    person_id = asyncio.run(person_id_of(suite, who))
    path = output or Path(f"person-{person_id}.zip")
    if path.exists():
        raise Refusal(f"{path} is there already: name another with --output", Exit.USAGE)
    data = asyncio.run(privacy.export(suite, person_id, reason))
    counts = write_archive(path, person_id, data, datetime.now(UTC))
    if as_json:
        print_json({"person_id": person_id, "archive": str(path), "rows": counts})
        return
    table("", ["service", "rows"], [[service, count] for service, count in counts.items()])
    console.print(f"written to {path}")


@app.command()
@reporting
def erase(
    who: Who,
    reason: Reason,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would be erased, change nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether you mean it.")] = False,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Erase a person for good, in every service."""
    from cli.calls import privacy
    from cli.calls.people import person_id_of

    suite = require(SuiteFolder.chosen(folder))
    person_id = asyncio.run(person_id_of(suite, who))
    if not dry_run and not yes:
        typer.confirm(f"Erase person {person_id} for good? It cannot be undone", abort=True)
    answer = asyncio.run(privacy.erase(suite, person_id, reason, dry_run=dry_run))
    _show(answer.erasure, as_json)


@app.command()
@reporting
def status(who: Who, folder: Folder = None, as_json: AsJson = False) -> None:
    """Show how far an erasure is; WHO is an id that was the person's."""
    from cli.calls import privacy

    if not who.isdecimal():
        raise Refusal(
            "nobody is known by an identifier any more: give the person id that was erased", Exit.USAGE
        )
    person_id = id_of(who, "person")
    answer = asyncio.run(privacy.erasure(require(SuiteFolder.chosen(folder)), person_id))
    _show(answer.erasure, as_json)


@app.command()
@reporting
def audit(
    person: Annotated[
        int, typer.Option("--person", help="Only rows about this person.", min=0, max=MAX_ID)
    ] = 0,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000)] = 100,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """List who saw or changed personal data."""
    from cli.calls import privacy

    entries = asyncio.run(privacy.audit(require(SuiteFolder.chosen(folder)), person, limit))
    if as_json:
        print_json([as_dict(entry) for entry in entries])
        return
    rows = [
        [
            entry.sequence,
            entry.time.ToJsonString(),
            entry.subject,
            entry.action,
            entry.reason,
            len(entry.person_ids),
        ]
        for entry in entries
    ]
    table("", ["row", "time", "who", "what", "why", "persons"], rows, empty="nobody saw anything yet")


@app.command()
@reporting
def verify(
    expect: Annotated[
        str,
        typer.Option(
            "--expect", help="An end that was kept elsewhere, as sequence:hash from an earlier verify."
        ),
    ] = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Check that no row of the audit was changed or removed."""
    from huaxiang.identity.v1 import audit_service_pb2

    from cli.calls import privacy

    expected = None
    if expect:
        sequence, _, digest = expect.partition(":")
        try:
            expected = audit_service_pb2.AuditEnd(sequence=int(sequence), hash=bytes.fromhex(digest))
        except ValueError as error:
            raise Refusal("--expect is not sequence:hash as verify prints it", Exit.USAGE) from error
    answer = asyncio.run(privacy.verify(require(SuiteFolder.chosen(folder)), expected))
    end = f"{answer.end.sequence}:{answer.end.hash.hex()}"
    if as_json:
        print_json(
            {"whole": answer.whole, "row": answer.broken_sequence, "problem": answer.problem, "end": end}
        )
    elif answer.whole:
        console.print(f"the audit is whole; keep its end elsewhere: {end}")
    if not answer.whole:
        raise Refusal(f"the audit is broken at row {answer.broken_sequence}: {answer.problem}", Exit.CONFLICT)


def _show(erasure: "erasure_pb2.Erasure", as_json: bool) -> None:
    if as_json:
        print_json(as_dict(erasure))
        return
    counts = {field.name: value for field, value in erasure.counts.ListFields()}
    table(
        "what identity held",
        ["kind", "count"],
        [[name, value] for name, value in counts.items()],
        empty="nothing",
    )
    if erasure.erasure_id:
        rows = [
            [each.service, each.time.ToJsonString() if each.HasField("time") else "not yet"]
            for each in erasure.confirmations
        ]
        table(f"erasure {erasure.erasure_id}", ["service", "confirmed"], rows)
    else:
        console.print("nothing was changed; leave out --dry-run to erase")
