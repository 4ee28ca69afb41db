"""identity: who is one person, why, and what humans decide about it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.commands import linking_policy
from cli.commands.options import AsJson, Folder
from cli.exits import reporting
from cli.ids import MAX_ID
from cli.output import as_dict, console, print_json, table
from cli.suite.folder import SuiteFolder
from cli.suite.running import RunningSuite, require

if TYPE_CHECKING:
    from huaxiang.identity.v1 import link_pb2

app = typer.Typer(no_args_is_help=True, help="Who is one person and why; merge, split, bind, unbind, undo.")
app.add_typer(linking_policy.app, name="policy")

Person = Annotated[str, typer.Argument(help="A person id, or an identifier such as phone=13800000001.")]
Key = Annotated[
    str, typer.Argument(help="phone=13800000001, crm_id=crm:7, key:17, or a record: record:shop/r-1.")
]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the record; no personal data.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Tell what would change, and change nothing.")]
Operation = Annotated[int, typer.Argument(min=1, max=MAX_ID, help="Its number, as `operations` lists it.")]
Limit = Annotated[int, typer.Option("--limit", min=1, help="How many, at most.")]
Somebody = Annotated[
    str | None, typer.Argument(help="A person id or an identifier; nobody named: everybody.")
]


@app.command()
@reporting
def merge(
    one: Person,
    other: Person,
    reason: Reason,
    dry_run: DryRun = False,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Say that two persons are one."""
    from cli.calls import identity as calls
    from cli.calls.people import person_id_of

    async def work(suite: RunningSuite) -> Any:
        ids = [await person_id_of(suite, each) for each in (one, other)]
        async with suite.channel("identity") as channel:
            return await calls.merge(channel, ids[0], ids[1], reason, dry_run=dry_run)

    _operate(work, folder, as_json=as_json, dry_run=dry_run)


@app.command()
@reporting
def split(
    who: Person,
    keys: Annotated[list[str], typer.Argument(help="The identifiers that are another's.")],
    reason: Reason,
    dry_run: DryRun = False,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Say that some identifiers of a person are another's."""
    from cli.calls import identity as calls
    from cli.calls.people import person_id_of

    async def work(suite: RunningSuite) -> Any:
        refs = [calls.key_ref(each) for each in keys]
        person_id = await person_id_of(suite, who)
        async with suite.channel("identity") as channel:
            return await calls.split(channel, person_id, refs, reason, dry_run=dry_run)

    _operate(work, folder, as_json=as_json, dry_run=dry_run)


@app.command()
@reporting
def bind(
    key: Key,
    other: Key,
    reason: Reason,
    dry_run: DryRun = False,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Say that two identifiers are one person's."""
    from cli.calls import identity as calls

    async def work(suite: RunningSuite) -> Any:
        refs = calls.key_ref(key), calls.key_ref(other)
        async with suite.channel("identity") as channel:
            return await calls.bind(channel, *refs, reason, dry_run=dry_run)

    _operate(work, folder, as_json=as_json, dry_run=dry_run)


@app.command()
@reporting
def unbind(
    key: Key,
    other: Key,
    reason: Reason,
    dry_run: DryRun = False,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Say that two identifiers are not one person's."""
    from cli.calls import identity as calls

    async def work(suite: RunningSuite) -> Any:
        refs = calls.key_ref(key), calls.key_ref(other)
        async with suite.channel("identity") as channel:
            return await calls.unbind(channel, *refs, reason, dry_run=dry_run)

    _operate(work, folder, as_json=as_json, dry_run=dry_run)


@app.command()
@reporting
def undo(
    operation_id: Operation,
    reason: Reason,
    dry_run: DryRun = False,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Take an operation back, an undo included."""
    from cli.calls import identity as calls

    async def work(suite: RunningSuite) -> Any:
        async with suite.channel("identity") as channel:
            return await calls.undo(channel, operation_id, reason, dry_run=dry_run)

    _operate(work, folder, as_json=as_json, dry_run=dry_run)


@app.command()
@reporting
def explain(key: Key, other: Key, folder: Folder = None, as_json: AsJson = False) -> None:
    """Tell why two identifiers are one person's, or what keeps them apart."""
    from cli.calls import identity as calls
    from cli.calls.links import draw_conflicts, draw_path, shown_key

    async def work(suite: RunningSuite) -> Any:
        refs = calls.key_ref(key), calls.key_ref(other)
        async with suite.channel("identity") as channel:
            return await calls.explain(channel, *refs)

    answer = _ask(work, folder)
    if as_json:
        print_json(as_dict(answer))
        return
    one, two = shown_key(answer.key), shown_key(answer.other)
    if answer.linked:
        console.print(f"{one} and {two} are person {answer.key.person_id}:", markup=False)
        draw_path(answer.path)
    else:
        persons = f"persons {answer.key.person_id} and {answer.other.person_id}"
        console.print(f"{one} and {two} are {persons}.", markup=False)
        draw_conflicts(answer.conflicts, "nothing was ever seen with both")


@app.command()
@reporting
def history(who: Somebody = None, limit: Limit = 20, folder: Folder = None, as_json: AsJson = False) -> None:
    """Tell who became whom and why, the latest first."""
    from cli.calls import identity as calls
    from cli.calls.links import draw_history

    steps: list[link_pb2.MergeStep] = _ask(_of_somebody(who, limit, calls.history), folder)
    if as_json:
        print_json([as_dict(step) for step in steps])
    else:
        draw_history(steps)


@app.command()
@reporting
def conflicts(
    who: Somebody = None, limit: Limit = 20, folder: Folder = None, as_json: AsJson = False
) -> None:
    """Tell which identifiers were seen together and are not linked, and why."""
    from cli.calls import identity as calls
    from cli.calls.links import draw_conflicts

    found: list[link_pb2.LinkConflict] = _ask(_of_somebody(who, limit, calls.conflicts), folder)
    if as_json:
        print_json([as_dict(each) for each in found])
    else:
        draw_conflicts(found, "nobody had to be kept apart")


@app.command()
@reporting
def operations(limit: Limit = 20, folder: Folder = None, as_json: AsJson = False) -> None:
    """Tell what humans decided, the latest first."""
    from cli.calls import identity as calls
    from cli.calls.links import draw_operations

    async def work(suite: RunningSuite) -> Any:
        async with suite.channel("identity") as channel:
            return await calls.operations(channel, limit)

    found = _ask(work, folder)
    if as_json:
        print_json([as_dict(each) for each in found])
    else:
        draw_operations(found)


def _of_somebody(
    who: str | None, limit: int, call: Callable[..., Awaitable[Any]]
) -> Callable[[RunningSuite], Awaitable[Any]]:
    from cli.calls.people import person_id_of

    async def work(suite: RunningSuite) -> Any:
        person_id = 0 if who is None else await person_id_of(suite, who)
        async with suite.channel("identity") as channel:
            return await call(channel, person_id, limit)

    return work


def _ask(work: Callable[[RunningSuite], Awaitable[Any]], folder: Any) -> Any:
    suite = require(SuiteFolder.chosen(folder))

    async def run() -> Any:
        return await work(suite)

    return asyncio.run(run())


def _operate(
    work: Callable[[RunningSuite], Awaitable[Any]], folder: Any, *, as_json: bool, dry_run: bool
) -> None:
    from cli.calls.links import draw_conflicts

    answer = _ask(work, folder)
    if as_json:
        print_json(as_dict(answer))
        return
    outcome = answer.outcome
    effect = outcome.effect
    title = "It would change" if dry_run else f"Operation {outcome.operation.operation_id} changed"
    console.print(
        f"{title} {effect.persons_changed:,} persons: {effect.persons_created:,} new, "
        f"{effect.persons_redirected:,} redirected."
    )
    rows = [[str(each.person_id), each.keys_before, each.keys_after] for each in effect.largest]
    if rows:
        table("", ["person", "identifiers before", "after"], rows)
    if outcome.conflicts:
        draw_conflicts(outcome.conflicts, "")
