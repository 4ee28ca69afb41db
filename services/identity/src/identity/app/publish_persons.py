"""Folds what is kept at a person's keys into what is published of the person, and finds who changed."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from identity.app.encoding import Encoding
from identity.app.relink import Relinked
from identity.app.tenant_settings import settings_of
from identity.domain.attributes import AttributeDictionary, AttributeStatement, Release, survivors
from identity.domain.consents import Address, Channel, Consent, permitted_purposes
from identity.domain.person import Person, PersonKey, PersonState, ReachableChannel, state_of
from identity.domain.policy import Policy
from identity.store.ports import Stores, Vault
from identity.store.rows import ContactPointRow, KeyRow, PersonRow


@dataclass(frozen=True)
class _Facts:
    """What is kept at keys and addresses."""

    keys: Mapping[int, Sequence[KeyRow]]
    attributes: Mapping[int, Sequence[AttributeStatement]]
    contact_points: Mapping[int, Sequence[ContactPointRow]]
    consents: Mapping[Address, Sequence[Consent]]
    sensitive: frozenset[str]


class PublishPersons:
    """Finds the persons whose published state differs from what was published last."""

    def __init__(self, dictionary: AttributeDictionary, vault: Vault, encoding: Encoding) -> None:
        self._dictionary = dictionary
        self._vault = vault
        self._encoding = encoding

    def changed(
        self,
        stores: Stores,
        tenant: str,
        person_ids: Collection[int],
        relinked: Relinked,
        policy: Policy,
        now_us: int,
    ) -> list[PersonRow]:
        """The rows to publish among the given ids, by id, with `entry` renewed and `version` 0; `policy` is the one
        that this transaction links by.

        Reads the state that this transaction has written, but for what `relinked` tells already.
        """
        if not person_ids:
            return []
        rows = self._rows(stores, tenant, person_ids, relinked)
        person_of = _current_persons(stores, tenant, rows.values(), relinked)
        living = [person_id for person_id, current in person_of.items() if current == person_id]
        facts = _read_facts(stores, tenant, living, relinked)
        changed: list[PersonRow] = []
        for person_id in sorted(rows):
            row = rows[person_id]
            if person_of[person_id] == person_id:
                person = self._fold(row, facts, policy, now_us)
            else:
                person = Person(
                    person_id,
                    PersonState.REDIRECTED,
                    row.birth_hash,
                    redirect_person_id=person_of[person_id],
                )
            entry = self._encoding.person(person)
            if entry != row.entry:
                changed.append(
                    row._replace(entry=entry, redirect_person_id=person.redirect_person_id, version=0)
                )
        return changed

    def _rows(
        self, stores: Stores, tenant: str, person_ids: Collection[int], relinked: Relinked
    ) -> dict[int, PersonRow]:
        """The stored rows, and rows for those who are born now."""
        born = {birth.person_id: relinked.rows[birth.key_id] for birth in relinked.births}
        rows = dict(stores.persons.rows(tenant, [id_ for id_ in person_ids if id_ not in born]))
        for person_id, key in born.items():
            birth_hash = self._vault.birth_hash(tenant, key.hash)
            rows[person_id] = PersonRow(person_id, key.key_id, birth_hash, 0, 0, 0, b"")
        return rows

    def _fold(self, row: PersonRow, facts: _Facts, policy: Policy, now_us: int) -> Person:
        keys = facts.keys[row.person_id]
        statements = [said for key in keys for said in facts.attributes.get(key.key_id, ())]
        definitions = self._dictionary.definitions
        return Person(
            row.person_id,
            state_of([(key.namespace, key.standing) for key in keys], policy),
            row.birth_hash,
            keys=tuple(PersonKey(key.key_id, key.namespace) for key in keys),
            attributes={
                name: value
                for name, value in survivors(statements, self._dictionary).items()
                if name in definitions and definitions[name].release is Release.OPEN
            },
            channels=_channels(keys, facts, now_us),
        )


def _current_persons(
    stores: Stores, tenant: str, rows: Collection[PersonRow], relinked: Relinked
) -> dict[int, int]:
    """The person that each id's birth key belongs to now."""
    birth_keys = {row.birth_key_id for row in rows}
    keys = dict(stores.keys.rows(tenant, birth_keys - relinked.rows.keys())) | dict(relinked.rows)
    return {row.person_id: keys[row.birth_key_id].person_id for row in rows}


def _read_facts(stores: Stores, tenant: str, living: Collection[int], relinked: Relinked) -> _Facts:
    keys: dict[int, list[KeyRow]] = defaultdict(list)
    for key in sorted(relinked.rows.values(), key=lambda key: key.key_id):
        keys[key.person_id].append(key)
    keys = {person_id: keys[person_id] for person_id in living if person_id in keys}
    unread = [person_id for person_id in living if person_id not in keys]
    keys.update((person_id, list(rows)) for person_id, rows in stores.keys.of_persons(tenant, unread).items())
    key_ids = [key.key_id for rows in keys.values() for key in rows]
    contact_points = stores.contact_points.of_keys(tenant, key_ids)
    addresses = {point.address for points in contact_points.values() for point in points}
    return _Facts(
        keys,
        stores.attributes.of_keys(tenant, key_ids),
        contact_points,
        stores.consents.at(tenant, addresses),
        settings_of(stores, tenant).sensitive,
    )


def _channels(keys: Sequence[KeyRow], facts: _Facts, now_us: int) -> tuple[ReachableChannel, ...]:
    purposes: dict[Channel, set[str]] = defaultdict(set)
    for key in keys:
        for point in facts.contact_points.get(key.key_id, ()):
            permitted = permitted_purposes(facts.consents.get(point.address, ()), now_us, facts.sensitive)
            purposes[point.address.channel].update(permitted)
    return tuple(
        ReachableChannel(channel, tuple(sorted(found))) for channel, found in sorted(purposes.items())
    )
