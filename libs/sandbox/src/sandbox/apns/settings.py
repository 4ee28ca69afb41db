"""What the stand-in for APNs is told: keys of teams, apps, devices."""

from dataclasses import dataclass

from sandbox.directory import Directory
from sandbox.document import Reader


@dataclass(frozen=True, slots=True)
class Key:
    team_id: str
    key_id: str
    public_key: str
    """PEM, on the curve P-256."""
    topics: frozenset[str]
    """Bundle ids of the team's apps."""


@dataclass(frozen=True, slots=True)
class ApnsSettings:
    keys: dict[str, Key]
    """By key_id."""
    devices: Directory
    """`gone` have removed the app: Unregistered."""
    gone_since_epoch_s: float
    """Since when, on the suite's clock."""
    of_other_apps: frozenset[str]
    """Device tokens of another topic."""


def read(reader: Reader) -> ApnsSettings:
    """Read the section `apns`; problems go to the reader."""
    settings = ApnsSettings(
        keys={each.key_id: each for each in map(_key, reader.mappings("keys"))},
        devices=Directory.read(reader.mapping("devices")),
        gone_since_epoch_s=reader.number("gone_since_epoch_s", 0.0),
        of_other_apps=frozenset(reader.texts("of_other_apps")),
    )
    reader.close()
    return settings


def _key(reader: Reader) -> Key:
    key = Key(
        team_id=reader.text("team_id"),
        key_id=reader.text("key_id"),
        public_key=reader.text("public_key"),
        topics=frozenset(reader.texts("topics")),
    )
    reader.close()
    return key
