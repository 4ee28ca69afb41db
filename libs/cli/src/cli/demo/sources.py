"""Imports the exports in the manifest's order, and the reference tables."""

from cli.calls import reference
from cli.demo.state import Demo
from cli.importing.mapping import load_mapping
from cli.importing.rejects import Rejects
from cli.importing.sending import ImportResult, send_file

SAID_REASONS = 4


async def import_sources(demo: Demo) -> None:
    """Everything that the systems say, through identity's front door."""
    total = ImportResult()
    async with demo.channel("identity") as channel:
        with demo.say.bar("records", demo.manifest.records, "records") as advance:
            for entry in demo.manifest.sources:
                path, mapping = demo.world / entry.path, load_mapping(demo.world / entry.mapping)
                with Rejects(path.with_name(path.name + ".rejects.csv")) as rejects:
                    result = await send_file(channel, path, mapping, rejects, advance)
                _add(total, result)
                demo.revision = result.revision or demo.revision
    taken = total.accepted + total.repeated
    demo.found["input"] = {"events": demo.manifest.event_count, "persons_true": demo.manifest.persons}
    demo.notes["import"] = total
    demo.say.line(f"{taken:,} records taken, {total.refused + total.broken + total.differs:,} not")
    reasons = sorted(total.reasons.items(), key=lambda pair: -pair[1])[:SAID_REASONS]
    for reason, count in reasons:
        demo.say.line(f"{count:,} identifiers or values left out: {reason.replace('_', ' ')}")


async def put_reference(demo: Demo) -> None:
    """Items, stores, staff, benefits: what rules may join."""
    async with demo.channel("tagging") as channel:
        for entry in demo.manifest.reference:
            await reference.put(channel, entry.name, demo.world / entry.path, "", lambda _: None)
    rows = ", ".join(f"{entry.rows:,} {entry.name}" for entry in demo.manifest.reference)
    demo.say.line(rows)


def _add(total: ImportResult, part: ImportResult) -> None:
    for name in ("rows", "accepted", "repeated", "differs", "refused", "broken", "left_out"):
        setattr(total, name, getattr(total, name) + getattr(part, name))
    for reason, count in part.reasons.items():
        total.reasons[reason] = total.reasons.get(reason, 0) + count
