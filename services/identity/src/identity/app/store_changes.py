"""Stores what relinking found: keys, edges, conflicts and the merge history."""

from collections.abc import Mapping

from identity.app.keying import EdgeChange
from identity.app.region import GraphChange
from identity.app.relink import Relinked
from identity.store.linking_rows import Cause, CauseKind, ConflictRow, Mark, MergeKind, MergeRow
from identity.store.ports import Pair, Stores
from identity.store.rows import KeyRow


def store_relinked(
    stores: Stores,
    tenant: str,
    change: GraphChange,
    relinked: Relinked,
    sealed: Mapping[int, bytes],
    now_us: int,
    cause: Cause | None = None,
) -> None:
    """Stores the change and its consequences. `sealed` has the new keys' sealed identifiers; without a `cause` each
    step of the history names the record that brought it."""
    stores.keys.add(
        tenant,
        ((relinked.changed.get(key_id, row), sealed[key_id]) for key_id, row in change.new_keys.items()),
    )
    stores.keys.update(
        tenant, [row for key_id, row in relinked.changed.items() if key_id not in change.new_keys]
    )
    stores.edges.save(
        tenant,
        {pair: edge.after for pair, edge in change.edges.items()},
        [pair for pair, edge in change.edges.items() if edge.before is None],
    )
    stores.marks.add(tenant, relinked.marked, Mark.CONFLICT)
    stores.conflicts.remove(tenant, relinked.gone_conflicts)
    stores.conflicts.add(tenant, (ConflictRow(conflict, now_us) for conflict in relinked.new_conflicts))
    stores.merges.add(tenant, merge_steps(change, relinked, now_us, cause))


def merge_steps(change: GraphChange, relinked: Relinked, now_us: int, cause: Cause | None) -> list[MergeRow]:
    """Which keys went from one person to another, in order of the persons; `sequence` 0."""
    moved: dict[tuple[int, int], list[int]] = {}
    for key_id, row in relinked.changed.items():
        before = relinked.before[key_id].person_id
        if before and before != row.person_id:
            moved.setdefault((before, row.person_id), []).append(key_id)
    if not moved:
        return []
    living = {row.person_id for row in relinked.rows.values()}
    record_behind = {} if cause else _records_behind(change.edges, relinked.before, relinked.rows)
    steps: list[MergeRow] = []
    for (before, after), key_ids in sorted(moved.items()):
        why = cause or _record(change.edges, record_behind, before, after)
        if before in living:
            kind, one, other = MergeKind.SPLIT, before, after
        else:
            kind, one, other = MergeKind.MERGED, after, before
        steps.append(MergeRow(0, now_us, kind, one, other, tuple(sorted(key_ids)), why))
    return steps


def _records_behind(
    edges: Mapping[Pair, EdgeChange], before: Mapping[int, KeyRow], after: Mapping[int, KeyRow]
) -> dict[int, Pair]:
    """The lowest pair with changed evidence that touches each person, as they were and as they are."""
    lowest: dict[int, Pair] = {}
    for pair in sorted(edges):
        for key_id in pair:
            for rows in (before, after):
                if key_id in rows:
                    lowest.setdefault(rows[key_id].person_id, pair)
    return lowest


def _record(edges: Mapping[Pair, EdgeChange], lowest: Mapping[int, Pair], one: int, other: int) -> Cause:
    """The record whose evidence touched the persons: the one of the lowest pair."""
    pairs = [lowest[person_id] for person_id in (one, other) if person_id in lowest] or edges
    if not pairs:
        return Cause(CauseKind.RECORD, "")
    source, record_id = edges[min(pairs)].cause
    return Cause(CauseKind.RECORD, record_id, source)
