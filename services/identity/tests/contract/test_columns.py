"""Columns read for linking alone say what columns with everything say, and both what is stored, on both stores."""

import numpy as np
import pytest
from identity.domain.evidence import Evidence
from identity.domain.linking import Standing
from identity.main import Wiring
from identity.store.linking_rows import Mark
from identity.store.rows import KeyRow
from identity.store.sql import open_stores
from identity.store.sql_columns import SqlLinkingColumns
from sqlalchemy import Connection

PLACES = (("member_id", ""), ("wechat_openid", "wx_mini"), ("device_id", ""))
FAR = 200_001
"""A key several blocks away."""
KEYS = [
    KeyRow(
        key_id,
        *PLACES[key_id % 3],
        key_id.to_bytes(16, "little"),
        Standing(key_id % 4),
        key_id // 2,
        key_id % 7,
        Mark.BLOCKED * (key_id % 5 == 0) | Mark.CONFLICT * (key_id % 2),
    )
    for key_id in (*range(1, 41), FAR)
]
SCOPES = 70_000
PLACEHOLDER = KEYS[6]._replace(standing=Standing.BLOCKED)
LIVE = {(low, high): Evidence(5, 9, 1, low % 4) for low, high in ((1, 2), (1, 40), (3, 8), (10, FAR))}
PARTED = {(2, 3): Evidence(5, 9, 1, 0, 9)}
OTHERS = {pair: Evidence(5, 9, 1, 0) for pair in ((4, 7), (4, FAR + 1))}
"""With the placeholder, and with a key beyond all that may link."""


def test_evidence_alone_is_that_of_the_full_columns(wiring: Wiring) -> None:
    def fill(connection: Connection) -> None:
        stores = open_stores(connection, wiring.changelog)
        rows = [PLACEHOLDER if key.key_id == PLACEHOLDER.key_id else key for key in KEYS]
        stores.keys.add("t1", [(row, b"sealed") for row in rows])
        stores.edges.save("t1", LIVE | PARTED | OTHERS, [*LIVE, *PARTED, *OTHERS])

    def read(connection: Connection) -> None:
        columns = SqlLinkingColumns(connection)
        stored = columns.read("t1")
        keys, pairs = columns.evidence("t1")
        linkable = [key for key in KEYS if key.key_id != PLACEHOLDER.key_id]
        assert keys.key_ids.tolist() == [key.key_id for key in linkable]
        for found, name in (
            (stored.person_ids, "person_id"),
            (stored.born_person_ids, "born_person_id"),
            (stored.standing, "standing"),
            (stored.marks, "marks"),
        ):
            assert found.tolist() == [getattr(key, name) for key in linkable]
        assert keys.blocked.tolist() == [bool(key.marks & Mark.BLOCKED) for key in linkable]
        np.testing.assert_array_equal(keys.key_ids, stored.keys.key_ids)
        np.testing.assert_array_equal(keys.hashes, stored.keys.hashes)
        np.testing.assert_array_equal(keys.blocked, stored.keys.blocked)
        for found in (keys, stored.keys):
            assert [found.places[at] for at in found.place_of] == [
                PLACES[key_id % 3] for key_id in keys.key_ids
            ]
        live = pairs.where(pairs.last_us > pairs.unbound_us)
        assert {
            (int(keys.key_ids[low]), int(keys.key_ids[high])): int(bits)
            for low, high, bits in zip(live.low, live.high, live.verified, strict=True)
        } == {pair: seen.verified for pair, seen in LIVE.items()}
        assert set(zip(live.first_us.tolist(), live.last_us.tolist(), strict=True)) == {(5, 9)}

    wiring.database.write_now(fill)
    wiring.database.read_now(read)


def test_a_tenant_may_have_any_number_of_scopes(wiring: Wiring) -> None:
    """Sources state them: one may send another with each visit."""
    places = [(("wechat_openid", "device_id")[number % 2], f"s{number // 2}") for number in range(2 * SCOPES)]

    def fill(connection: Connection) -> None:
        rows = [
            KeyRow(key_id, *place, key_id.to_bytes(16, "little"), Standing.LINKING, 0, 0)
            for key_id, place in enumerate(places, 1)
        ]
        open_stores(connection, wiring.changelog).keys.add("t1", [(row, b"") for row in rows])

    def read(connection: Connection) -> None:
        keys, _ = SqlLinkingColumns(connection).evidence("t1")
        assert [keys.places[at] for at in keys.place_of] == places

    if wiring.database.dialect != "sqlite":
        pytest.skip("Postgres looks each place up, which takes minutes for so many")
    wiring.database.write_now(fill)
    wiring.database.read_now(read)


def test_a_tenant_without_evidence_has_empty_columns(wiring: Wiring) -> None:
    def read(connection: Connection) -> None:
        keys, pairs = SqlLinkingColumns(connection).evidence("t1")
        assert len(keys.key_ids) == len(pairs.low) == 0

    wiring.database.read_now(read)
