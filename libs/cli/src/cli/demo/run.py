"""One demo from an empty folder to the summary."""

import asyncio
import shutil
from pathlib import Path

from cli.demo.narration import Narration
from cli.demo.report import report
from cli.demo.state import Demo
from cli.demo.steps import STEPS, WORLD_STEPS, run_steps
from cli.demo.suite import clear, free_base_port, require_demo_folder
from cli.demo.summary import show_summary
from cli.demo.world import write_world
from cli.output import print_json
from cli.suite import running


def run_demo(
    root: Path,
    data: Path | None,
    persons: int | None,
    seed: int | None,
    base_port: int | None,
    *,
    keep_up: bool,
    as_json: bool,
) -> None:
    """Prints the summary, or the report as JSON. Raises Refusal; the suite stops in any case unless `keep_up`."""
    say = Narration(len(STEPS) + WORLD_STEPS)
    demo = Demo(root, data, persons, seed, base_port or 0, say)
    require_demo_folder(root)
    make_world(demo)
    demo.base_port = base_port or free_base_port()
    try:
        asyncio.run(run_steps(demo))
    finally:
        suite = running.find(demo.folder)
        if suite is not None and not keep_up:
            running.stop(suite)
    if as_json:
        print_json(report(demo))
    else:
        show_summary(demo, kept_up=keep_up)


def make_world(demo: Demo) -> None:
    """The first step: what there is to import. An earlier demo goes only when there is something to put in its
    place."""
    draft = demo.root.with_name(f".{demo.root.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    with demo.say.step("Make up the people and what they did", "生成演示数据"):
        try:
            demo.manifest = write_world(draft, demo.data, demo.persons, demo.seed, lambda done, total: None)
            clear(demo)
            draft.rename(demo.world)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        demo.say.line(
            f"{demo.manifest.persons:,} people, {demo.manifest.event_count:,} events in "
            f"{len(demo.manifest.sources)} files of {len({each.source for each in demo.manifest.sources})} systems"
        )
