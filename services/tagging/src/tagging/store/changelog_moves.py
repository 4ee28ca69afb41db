"""Entries of the changelog as moves of portraits."""

import numpy as np
from huaxiang.tagging.v1 import change_pb2
from servicekit.changelog import StoredEntry
from tagging.domain.changes import ChangeKind
from tagging.domain.compilation import FEATURE_PREFIX
from tagging.domain.moves import Move
from tagging.domain.persons import PersonState


def move_of(entry: StoredEntry) -> Move | None:
    """Whose portraits an entry touches; None for features, which no portrait shows."""
    if entry.kind in (ChangeKind.TAG, ChangeKind.DAY):
        return Move(entry.tenant, entry.position, everybody=True)
    change = change_pb2.Change.FromString(entry.payload)
    match change.WhichOneof("change"):
        case "touched":
            touched = change.touched
            persons = np.frombuffer(touched.person_ids, "<i8").tolist()
            return Move(entry.tenant, entry.position, persons, list(touched.blocks), touched.everybody)
        case "person":
            person = change.person
            gone = not PersonState(person.state).is_living
            return Move(entry.tenant, entry.position, [person.person_id], is_gone=gone)
        case "values":
            if all(each.column.startswith(FEATURE_PREFIX) for each in change.values.values):
                return None
            return Move(entry.tenant, entry.position, [change.values.person_id])
        case "block":
            if change.block.column.startswith(FEATURE_PREFIX):
                return None
            return Move(entry.tenant, entry.position, blocks=[change.block.block])
    return None
