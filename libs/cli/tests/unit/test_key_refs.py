"""How identifiers are named on the command line."""

import pytest
from cli.calls.identity import key_ref
from cli.exits import Exit, Refusal


def test_an_identifier_is_named_in_three_ways() -> None:
    assert key_ref("key:17").key_id == 17
    assert (key_ref("phone=139").identifier.namespace, key_ref("phone=139").identifier.value) == (
        "phone",
        "139",
    )
    scoped = key_ref("crm_id=crm:7").identifier
    assert (scoped.scope, scoped.value) == ("crm", "7")
    record = key_ref("record:shop/o/1").record
    assert (record.source, record.record_id) == ("shop", "o/1")


@pytest.mark.parametrize("text", ["", "17", "phone=", "record:shop", "key:x"])
def test_what_names_nothing_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        key_ref(text)
    assert refused.value.code is Exit.USAGE
