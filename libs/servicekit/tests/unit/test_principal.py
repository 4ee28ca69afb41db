"""Keys, tenants, roles."""

import os
import stat

import pytest
import yaml
from servicekit import principal
from servicekit.errors import InvalidField, KeyUnknown, RightMissing
from servicekit.principal import (
    KeyEntry,
    KeyFileAuthenticator,
    KeyFileError,
    Principal,
    hash_key,
    key_entry,
    write_key_file,
)
from servicekit.rights import may

ADMIN = key_entry("k-admin", tenant="t1", subject="ann", roles=["admin"])
SERVICE = key_entry("k-service", tenant="*", subject="tagging", roles=["service"])


@pytest.fixture
def authenticator(tmp_path):
    write_key_file(tmp_path / "keys.yaml", [ADMIN, SERVICE])
    return KeyFileAuthenticator(tmp_path / "keys.yaml")


def bearer(key, **more):
    return {"authorization": f"Bearer {key}", **more}


def test_a_key_gives_its_principal(authenticator):
    assert authenticator.authenticate(bearer("k-admin")) == Principal("t1", "ann", frozenset({"admin"}))
    acting = authenticator.authenticate(bearer("k-service", **{"huaxiang-tenant": "t7"}))
    assert (acting.require_tenant(), acting.is_service) == ("t7", True)
    with pytest.raises(InvalidField):
        authenticator.authenticate(bearer("k-service")).require_tenant()


@pytest.mark.parametrize(
    "metadata",
    [{}, {"authorization": "k-admin"}, {"authorization": "Basic x"}, bearer(""), bearer("K-ADMIN")],
)
def test_anything_else_is_unknown(authenticator, metadata):
    with pytest.raises(KeyUnknown):
        authenticator.authenticate(metadata)


def test_only_a_service_may_name_a_tenant(authenticator):
    with pytest.raises(RightMissing):
        authenticator.authenticate(bearer("k-admin", **{"huaxiang-tenant": "t2"}))
    with pytest.raises(InvalidField):
        authenticator.authenticate(bearer("k-service", **{"huaxiang-tenant": "../t2"}))


def test_the_file_holds_no_key_and_is_private(tmp_path, authenticator):
    path = tmp_path / "keys.yaml"
    assert "k-admin" not in path.read_text()
    assert hash_key("k-admin") in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_changed_file_is_followed_and_a_damaged_one_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(principal, "FILE_CHECK_INTERVAL_S", 0.0)
    path = tmp_path / "keys.yaml"
    write_key_file(path, [ADMIN])
    authenticator = KeyFileAuthenticator(path)
    write_key_file(path, [SERVICE])
    os.utime(path, ns=(1, 1))
    assert authenticator.authenticate(bearer("k-service")).is_service
    with pytest.raises(KeyUnknown):
        authenticator.authenticate(bearer("k-admin"))
    path.write_text("{")
    os.utime(path, ns=(2, 2))
    assert authenticator.authenticate(bearer("k-service")).is_service


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"key_sha256": "ab", "tenant": "t", "subject": "s", "roles": []}, "SHA-256"),
        ({"key_sha256": "a" * 64, "tenant": "*", "subject": "s", "roles": ["admin"]}, "tenant"),
        ({"key_sha256": "a" * 64, "tenant": "t1", "subject": "s", "roles": ["service"]}, "tenant"),
        ({"key_sha256": "a" * 64, "tenant": "T 1", "subject": "s", "roles": ["admin"]}, "tenant"),
        ({"tenant": "t"}, "entry 0"),
        ("text", "entry 0"),
    ],
)
def test_a_malformed_entry_is_named(tmp_path, entry, says):
    path = tmp_path / "keys.yaml"
    path.write_text(yaml.safe_dump([entry]))
    with pytest.raises(KeyFileError, match=says):
        KeyFileAuthenticator(path)


def test_a_missing_or_shapeless_file_is_named(tmp_path):
    with pytest.raises(KeyFileError, match=r"none\.yaml"):
        KeyFileAuthenticator(tmp_path / "none.yaml")
    (tmp_path / "map.yaml").write_text("a: b")
    with pytest.raises(KeyFileError, match="list"):
        KeyFileAuthenticator(tmp_path / "map.yaml")
    with pytest.raises(KeyFileError):
        write_key_file(tmp_path / "x.yaml", [KeyEntry("short", "t1", "s", ("admin",))])
    assert not (tmp_path / "x.yaml").exists()


@pytest.mark.parametrize(
    ("role", "right", "allowed"),
    [
        ("service", "identity.changes.watch", True),
        ("service", "anything.at.all", True),
        ("admin", "identity.settings.write", True),
        ("admin", "identity.changes.watch", False),
        ("admin", "tagging.values.bootstrap", False),
        ("source", "identity.events.write", True),
        ("source", "identity.persons.read", False),
        ("source", "identity.settings.write", False),
        ("app", "tagging.values.read", True),
        ("app", "tagging.tags.write", False),
        ("admin", "tagging.tags.write", True),
        ("analyst", "tagging.drafts.write", True),
        ("analyst", "tagging.requests.decide", True),
        ("analyst", "tagging.tags.write", False),
        ("analyst", "tagging.reviews.write", False),
        ("analyst", "tagging.values.read_personal", True),
        ("analyst", "tagging.values.read_sensitive", False),
        ("reviewer", "tagging.reviews.write", True),
        ("reviewer", "tagging.tags.read", True),
        ("reviewer", "tagging.drafts.write", False),
        ("reviewer", "tagging.tags.write", False),
        ("sensitive_reader", "tagging.values.read_sensitive", True),
        ("sensitive_reader", "segments.small_cells.read", True),
        ("analyst", "segments.small_cells.read", False),
        ("viewer", "segments.small_cells.read", False),
        ("sensitive_reader", "tagging.values.read", False),
        ("service", "tagging.tag_uses.write", True),
        ("analyst", "tagging.tag_uses.write", False),
        ("marketer", "tagging.requests.write", True),
        ("marketer", "tagging.requests.decide", False),
        ("analyst", "identity.contact_points.read", False),
        ("service", "identity.identifiers.export", True),
        ("admin", "identity.identifiers.export", False),
        ("admin", "segments.identifiers.export", True),
        ("analyst", "segments.identifiers.export", False),
        ("identifier_exporter", "segments.identifiers.export", True),
        ("identifier_exporter", "identity.identifiers.export", False),
        ("marketer", "activation.campaigns.run", True),
        ("marketer", "tagging.tags.write", False),
        ("viewer", "segments.segments.read", True),
        ("viewer", "segments.members.export", False),
        ("stranger", "tagging.values.read", False),
    ],
)
def test_roles_carry_their_rights(role, right, allowed):
    assert may(Principal("t1", "s", frozenset({role})), right) is allowed
