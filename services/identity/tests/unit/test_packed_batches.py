"""Batches packed for another process are the same batches there."""

from dataclasses import replace

from huaxiang.identity.v1 import record_pb2
from identity.api.packed_batches import pack, unpack
from identity.api.parse_records import RecordParser
from identity.app.keyed_records import Batch, key_arrivals
from identity.domain.normalise import Normaliser
from identity.domain.record import Arrival
from identity.standards.load import load_standards
from identity.store.vault import KeyVault
from identity_records import NOW, identifiers, order, record, stamp, text
from servicekit.revision import Lane

NOW_US = int(NOW.timestamp() * 1_000_000)


def batch(*records: record_pb2.Record) -> Batch:
    standards = load_standards()
    normaliser = Normaliser(standards.policy, standards.blocked)
    parser = RecordParser(standards.policy, normaliser, standards.attributes, standards.closed_properties)
    arrivals = parser.parse(records, NOW_US)
    keyed = key_arrivals("t1", arrivals, KeyVault(bytes(32)), standards.policy)
    return Batch("t1", Lane.BULK, arrivals, keyed, 3)


def test_a_batch_comes_back_as_it_was() -> None:
    twice = [*identifiers(phone="139 1234 5670"), *identifiers(crm_id="C1", phone="+8613912345670")]
    twice[0].verified = True
    packed = batch(
        record("plain", identifiers(member_id="M1", device_id="D-00001"), event=order(shop=text("s"))),
        record("bare"),
        record("twice", twice, link_kind=record_pb2.LINK_KIND_UNBIND, brand="b"),
        record("refused", identifiers(member_id="M1"), time=stamp(NOW.replace(year=2199))),
        record("partly", [*identifiers(phone="138****1234"), *identifiers(phone="13800138000")]),
        record(
            "all",
            identifiers(member_id="M0"),
            attributes={"name": text("王小明")},
            consents=[
                record_pb2.Consent(
                    purpose="marketing", channel=record_pb2.CHANNEL_SMS, address="13912345670", granted=True
                )
            ],
            contact_points=[record_pb2.ContactPoint(channel=record_pb2.CHANNEL_EMAIL, address="a@b.cn")],
        ),
    )
    assert unpack(pack(packed)) == packed
    assert [arrival.record is None for arrival in packed.arrivals] == [n == 3 for n in range(6)]
    assert packed.arrivals[5].record is not None
    assert packed.arrivals[5].record.consents
    for mine, theirs in zip(packed.keyed, unpack(pack(packed)).keyed, strict=True):
        if mine is not None and theirs is not None:
            assert list(mine.identifiers.items()) == list(theirs.identifiers.items())


def test_what_a_tenant_blocks_is_kept() -> None:
    (keyed,) = batch(record("r", identifiers(member_id="M1"))).keyed
    assert keyed is not None
    blocked = replace(
        batch(), arrivals=[Arrival(keyed.record, ())], keyed=[keyed._replace(blocked=frozenset({b"h"}))]
    )
    (theirs,) = unpack(pack(blocked)).keyed
    assert theirs is not None
    assert theirs.blocked == {b"h"}
