"""Persons encoded by column are what their messages are."""

from hypothesis import given
from hypothesis import strategies as st
from identity.api.encoding import ProtoEncoding
from identity.domain.bulk_rows import NewPersons
from identity.domain.consents import Channel
from identity.domain.person import Person, PersonKey, PersonState, ReachableChannel
from identity.domain.person_ids import BLOCK_IDS, MAX_PERSON_ID, IdBlocks, IdsExhausted

VALUES = st.none() | st.sampled_from(
    [b"\x1a\x06\xe4\xb8\x8a\xe6\xb5\xb7", b"\x08\x01", b"\x1a\x00", b" \x00"]
)
CHANNELS = st.lists(
    st.builds(
        ReachableChannel,
        st.sampled_from(Channel),
        st.lists(st.sampled_from(["marketing", "服务"])).map(tuple),
    ),
    max_size=2,
).map(tuple)
ROWS = st.lists(
    st.tuples(
        st.integers(1, MAX_PERSON_ID),
        st.integers(1, 2**40),
        st.integers(0, 2**64 - 1),
        VALUES,
        VALUES,
        CHANNELS,
    )
)


@given(ROWS, st.sampled_from(PersonState), st.sampled_from([("phone",), ("member_id", "phone", "email")]))
def test_encoding_by_column_is_encoding_one_by_one(
    rows: list[tuple[int, int, int, bytes | None, bytes | None, tuple[ReachableChannel, ...]]],
    state: PersonState,
    namespaces: tuple[str, ...],
) -> None:
    person_ids, first_key_ids, birth_hashes, cities, objections, channels = (
        map(list, zip(*rows, strict=True)) if rows else ([] for _ in range(6))
    )
    columns = [("city", cities), ("no_profiling", objections)]
    encoding = ProtoEncoding()
    together = encoding.new_persons(
        NewPersons(person_ids, state, namespaces, first_key_ids, birth_hashes, columns, channels)
    )
    assert together == [
        encoding.person(
            Person(
                person_id,
                state,
                birth_hash,
                keys=tuple(PersonKey(first + n, name) for n, name in enumerate(namespaces)),
                attributes={
                    name: value
                    for name, value in (("city", city), ("no_profiling", objection))
                    if value is not None
                },
                channels=reached,
            )
        )
        for person_id, first, birth_hash, city, objection, reached in rows
    ]


@given(st.integers(0, 3), st.integers(0, BLOCK_IDS), st.booleans(), st.integers(0, 3 * BLOCK_IDS))
def test_many_ids_are_those_taken_one_by_one(next_block: int, used: int, strong: bool, count: int) -> None:
    blocks = IdBlocks(next_block)
    for _ in range(used % 7):
        _, blocks = blocks.take(not strong)
    taken, left = blocks.take_many(strong, used)
    more, left = left.take_many(strong, count % 1_000)
    one_by_one: list[int] = []
    for _ in range(used + count % 1_000):
        person_id, blocks = blocks.take(strong)
        one_by_one.append(person_id)
    assert taken + more == one_by_one
    assert left == blocks


def test_ids_end() -> None:
    blocks = IdBlocks((MAX_PERSON_ID + 1) // BLOCK_IDS - 1)
    taken, blocks = blocks.take_many(True, BLOCK_IDS)
    assert taken[-1] == MAX_PERSON_ID
    try:
        blocks.take_many(True, 1)
    except IdsExhausted:
        return
    raise AssertionError("an id above the highest was taken")
