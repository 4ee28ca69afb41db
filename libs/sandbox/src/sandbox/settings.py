"""The settings of a sandbox: one document, YAML or JSON. Nothing secret has a default."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sandbox.aliyun_sms import settings as aliyun_sms
from sandbox.apns import settings as apns
from sandbox.document import Reader, SettingsError
from sandbox.faults import Rule, read_rules
from sandbox.fcm import settings as fcm
from sandbox.getui import settings as getui
from sandbox.jpush import settings as jpush
from sandbox.reports import Fates
from sandbox.smtp import settings as smtp
from sandbox.tencent_sms import settings as tencent_sms
from sandbox.webhook import settings as webhook
from sandbox.wechat import settings as wechat

ADMIN = "admin"
SECTIONS: Mapping[str, Callable[[Reader], Any]] = {
    "aliyun_sms": aliyun_sms.read,
    "wechat": wechat.read,
    "jpush": jpush.read,
    "tencent_sms": tencent_sms.read,
    "getui": getui.read,
    "webhook": webhook.read,
    "fcm": fcm.read,
    "apns": apns.read,
    "smtp": smtp.read,
}
"""Every provider that the document may hold, with what reads its section. New ones come last: ports follow."""
PORTS = (ADMIN, *SECTIONS)
"""Every server of the sandbox, in the order in which ports are given out."""
DEFAULT_RESPONSES = "sandbox.responses:seeded"


@dataclass(frozen=True, slots=True)
class Settings:
    seed: int
    host: str
    ports: Mapping[str, int]
    """By server; 0 = any free port. A provider without settings is not served."""
    sync: bool
    """fsync every request: survive a loss of power too."""
    receipts: Fates
    faults: tuple[Rule, ...]
    responses: str
    """package.module:factory, called with responses_settings."""
    responses_settings: Mapping[str, object]
    providers: Mapping[str, Any]
    """What each section of the document says, by provider."""


def load(path: Path, *, seed: int | None = None, port: int | None = None) -> Settings:
    """Read a file; raises SettingsError that names every problem."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise SettingsError(f"{path}: is not YAML or JSON: {error}") from error
    if not isinstance(content, dict):
        raise SettingsError(f"{path}: must hold a mapping")
    return read(content, seed=seed, port=port)


def read(content: Mapping[str, object], *, seed: int | None = None, port: int | None = None) -> Settings:
    """Read a document; `seed` and `port` win over it. `port` is the first of consecutive ports, 0 = free."""
    reader = Reader(content)
    responses = reader.mapping("responses")
    document_seed = reader.whole("seed", 0)
    settings = Settings(
        seed=document_seed if seed is None else seed,
        host=reader.text("host", "127.0.0.1"),
        ports=_ports(reader.mapping("ports"), port),
        sync=reader.flag("sync", False),
        receipts=Fates.read(reader.mapping("receipts")),
        faults=read_rules(reader.mappings("faults")),
        responses=responses.text("factory", DEFAULT_RESPONSES),
        responses_settings={name: value for name, value in responses.content.items() if name != "factory"},
        providers={
            name: read_section(reader.mapping(name))
            for name, read_section in SECTIONS.items()
            if reader.has(name)
        },
    )
    reader.close()
    reader.check()
    return settings


def _ports(reader: Reader, first: int | None) -> dict[str, int]:
    ports = {}
    for place, name in enumerate(PORTS):
        given = first + place if first else 0
        ports[name] = reader.whole(name, given, high=65_535)
    reader.close()
    return ports
