"""Who has a key, as a function of the set of statements about persons."""

from collections.abc import Collection, Iterable, Mapping

from tagging.domain.persons import Person


def latest_statements(statements: Iterable[Person]) -> dict[int, Person]:
    """Of each person the statement of the highest version."""
    latest: dict[int, Person] = {}
    for statement in statements:
        known = latest.get(statement.person_id)
        if known is None or statement.version > known.version:
            latest[statement.person_id] = statement
    return latest


def owner_of(listed_by: Collection[int], versions: Mapping[int, int]) -> int:
    """Of the persons that list a key, the one of the highest version; 0 when nobody lists it.

    Versions are positions of one changelog, so no two persons share one; the smaller id would win.
    """
    return max(listed_by, key=lambda person_id: (versions[person_id], -person_id), default=0)


def owners(statements: Iterable[Person]) -> dict[int, int]:
    """The whole map, key -> person id, from all statements: what any adapter must arrive at."""
    latest = latest_statements(statements)
    versions = {person_id: person.version for person_id, person in latest.items()}
    listed: dict[int, set[int]] = {}
    for person in latest.values():
        for key_id in person.key_ids:
            listed.setdefault(key_id, set()).add(person.person_id)
    return {key_id: owner_of(persons, versions) for key_id, persons in listed.items()}
