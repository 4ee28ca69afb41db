"""What the stand-in for Getui is told: apps, devices, limits."""

from dataclasses import dataclass

from sandbox.directory import Directory
from sandbox.document import Reader
from sandbox.phone_makers import MARKETING_PER_DAY


@dataclass(frozen=True, slots=True)
class App:
    app_id: str
    app_key: str
    master_secret: str
    receipts_url: str
    """Where receipts go; empty = nowhere."""
    blacklisted: bool


@dataclass(frozen=True, slots=True)
class GetuiSettings:
    apps: dict[str, App]
    """By app_id."""
    devices: Directory
    inactive: frozenset[str]
    """Silent for 90 days: taken, but nothing is sent to them."""
    calls_per_minute: int
    marketing_per_day: int
    """What a device shows of an app's marketing in a day."""
    request_id_s: float
    """How long a request_id is remembered; Getui does not publish it."""
    token_s: float


def read(reader: Reader) -> GetuiSettings:
    """Read the section `getui`; problems go to the reader."""
    settings = GetuiSettings(
        apps={each.app_id: each for each in map(_app, reader.mappings("apps"))},
        devices=Directory.read(reader.mapping("devices")),
        inactive=frozenset(reader.texts("inactive")),
        calls_per_minute=reader.whole("calls_per_minute", 60_000, low=1),
        marketing_per_day=reader.whole("marketing_per_day", MARKETING_PER_DAY),
        request_id_s=reader.number("request_id_s", 3_600.0, low=1.0),
        token_s=reader.number("token_s", 86_400.0, low=1.0, high=86_400.0),
    )
    reader.close()
    return settings


def _app(reader: Reader) -> App:
    app = App(
        app_id=reader.text("app_id"),
        app_key=reader.text("app_key"),
        master_secret=reader.text("master_secret"),
        receipts_url=reader.text("receipts_url", ""),
        blacklisted=reader.flag("blacklisted", False),
    )
    reader.close()
    return app
