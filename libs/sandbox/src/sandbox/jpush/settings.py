"""What the stand-in for JPush is told: apps, devices, limits."""

from dataclasses import dataclass

from sandbox.directory import Directory
from sandbox.document import Reader
from sandbox.phone_makers import MARKETING_PER_DAY


@dataclass(frozen=True, slots=True)
class App:
    app_key: str
    master_secret: str
    vip: bool
    """Pools of 1,000 cids and the batch single push."""
    receipts_url: str
    """Where the callback goes; empty = nowhere."""
    banned: bool


@dataclass(frozen=True, slots=True)
class JpushSettings:
    apps: dict[str, App]
    devices: Directory
    calls_per_minute: int
    marketing_per_day: int
    """What a device shows of an app's marketing in a day."""


def read(reader: Reader) -> JpushSettings:
    """Read the section `jpush`; problems go to the reader."""
    settings = JpushSettings(
        apps={each.app_key: each for each in map(_app, reader.mappings("apps"))},
        devices=Directory.read(reader.mapping("devices")),
        calls_per_minute=reader.whole("calls_per_minute", 600, low=1),
        marketing_per_day=reader.whole("marketing_per_day", MARKETING_PER_DAY),
    )
    reader.close()
    return settings


def _app(reader: Reader) -> App:
    app = App(
        app_key=reader.text("app_key"),
        master_secret=reader.text("master_secret"),
        vip=reader.flag("vip", True),
        receipts_url=reader.text("receipts_url", ""),
        banned=reader.flag("banned", False),
    )
    reader.close()
    return app
