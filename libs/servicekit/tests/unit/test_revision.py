"""Revision tokens: opaque, exact, checked."""

import base64

import pytest
from huaxiang.type.v1 import revision_pb2
from hypothesis import given
from hypothesis import strategies as st
from servicekit.errors import RevisionForeign, RevisionMalformed
from servicekit.revision import MAX_TOKEN_CHARS, Lane, Revision, from_proto, parse_token

points = st.builds(
    Revision,
    st.from_regex(r"[a-z][a-z0-9_]{0,31}", fullmatch=True),
    st.from_regex(r"[0-9a-f]{16}", fullmatch=True),
    st.integers(0, 2**63 - 1),
    st.integers(0, 2**63 - 1),
)
revisions = st.builds(
    lambda point, rests: Revision(point.service, point.epoch, point.live, point.bulk, tuple(rests)),
    points,
    st.lists(points, max_size=3),
)
A = Revision("identity", "6a00000000000000", 5, 7)


@given(revisions)
def test_a_token_carries_the_revision(revision):
    token = revision.token()
    assert len(token) <= MAX_TOKEN_CHARS
    assert parse_token(token) == revision
    assert from_proto(revision.to_proto()) == revision


@given(revisions, st.data())
def test_a_changed_token_is_refused(revision, data):
    token = revision.token()
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from("ABab01-_=*").filter(lambda c: c != token[place]))
    changed = token[:place] + letter + token[place + 1 :]
    try:
        assert parse_token(changed) == revision, "only unused bits of the last letter may differ"
        assert place == len(token) - 1
    except RevisionMalformed:
        pass


@given(
    st.one_of(
        st.text(max_size=60), st.binary(max_size=60).map(lambda b: base64.urlsafe_b64encode(b).decode())
    )
)
def test_any_other_text_is_refused(text):
    with pytest.raises(RevisionMalformed):
        parse_token(text)


def test_a_token_over_the_limit_is_refused():
    with pytest.raises(RevisionMalformed, match="limit"):
        parse_token("A" * (MAX_TOKEN_CHARS + 1))
    with pytest.raises(ValueError, match="limit"):
        Revision("a", A.epoch, rests_on=(A,) * 9).token()


def test_an_absent_token_is_none():
    assert from_proto(revision_pb2.Revision()) is None


def test_covers_asks_for_both_lanes_of_one_epoch():
    assert A.covers(A)
    assert A.covers(A.only(Lane.LIVE))
    assert A.covers(Revision(A.service, A.epoch))
    assert not A.only(Lane.LIVE).covers(A)
    assert not A.covers(A.at(Lane.BULK, 8))
    assert not A.covers(Revision(A.service, "6a00000000000001", 1, 1))
    assert not A.covers(Revision("tagging", A.epoch, 1, 1))


@given(revisions, st.integers(0, 99), st.integers(0, 99), points)
def test_merge_is_the_least_that_covers_both(revision, live, bulk, rest):
    other = Revision(revision.service, revision.epoch, live, bulk, (rest,))
    merged = revision.merge(other)
    assert merged.covers(revision)
    assert merged.covers(other)
    assert (merged.live, merged.bulk) == (max(revision.live, live), max(revision.bulk, bulk))
    assert any(found.covers(rest) for found in merged.rests_on)
    assert merged.merge(other) == merged


def test_merging_across_a_restore_is_refused():
    with pytest.raises(RevisionForeign):
        A.merge(Revision(A.service, "6a00000000000001"))
