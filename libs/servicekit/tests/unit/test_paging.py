"""Page tokens: bound to their request, checked, sizes clamped."""

import base64
import zlib

import pytest
import toy_proto as pb
from hypothesis import given
from hypothesis import strategies as st
from servicekit.errors import InvalidField, PageTokenMalformed
from servicekit.paging import make_token, page_size, read_token, request_hash

keys = st.lists(st.one_of(st.text(max_size=20), st.integers(-(2**63), 2**63 - 1)), min_size=1, max_size=3)


@given(keys)
def test_a_token_carries_the_last_key(key):
    assert read_token(make_token(key, "bound"), "bound", *map(type, key)) == tuple(key)


def test_the_first_page_has_no_token():
    assert read_token("", "bound", str) is None


def test_a_token_of_another_request_or_tenant_is_refused():
    one = request_hash(pb.GetItemRequest(name="a"), "t1")
    assert one == request_hash(pb.GetItemRequest(name="a"), "t1")
    for other in (
        request_hash(pb.GetItemRequest(name="b"), "t1"),
        request_hash(pb.GetItemRequest(name="a"), "t2"),
        request_hash(pb.PutItemRequest(name="a"), "t1"),
    ):
        with pytest.raises(PageTokenMalformed, match="another request"):
            read_token(make_token(["k"], one), other, str)


def test_fields_of_paging_do_not_bind():
    bound = request_hash(pb.GetItemRequest(name="a", padding=b"1"), "t1", ignore=("padding", "page_token"))
    assert bound == request_hash(pb.GetItemRequest(name="a"), "t1")


@pytest.mark.parametrize("token", ["x", "not base64!", "AAAAAAAA", "A" * 3_000])
def test_a_damaged_token_is_refused(token):
    with pytest.raises(PageTokenMalformed):
        read_token(token, "bound", str)


@pytest.mark.parametrize(
    "content",
    [
        b"5",
        b"[]",
        b'[1,"bound",[]]',
        b'[1,"bound",["k"]]',
        b'[1,"bound",[true]]',
        b'[1,"bound",[7,7]]',
        b'[1,"bound",5]',
        b'[1,"bound",[1.5]]',
        b'[1,"bound",[null]]',
        b'[1,"bound",[9223372036854775808]]',
    ],
)
def test_a_token_of_another_make_is_refused(content):
    """The checksum is no secret: anybody can make a token that passes it."""
    packed = zlib.crc32(content).to_bytes(4, "big") + content
    with pytest.raises(PageTokenMalformed):
        read_token(base64.urlsafe_b64encode(packed).decode().rstrip("="), "bound", int)


def test_a_shortened_token_is_refused():
    token = make_token(["key", 7], "bound")
    for length in range(1, len(token)):
        with pytest.raises(PageTokenMalformed):
            read_token(token[:length], "bound", str, int)


def test_sizes_are_clamped():
    assert [page_size(n) for n in (0, 1, 1_000, 5_000)] == [100, 1, 1_000, 1_000]
    assert page_size(0, default=20, maximum=50) == 20
    with pytest.raises(InvalidField):
        page_size(-1)
