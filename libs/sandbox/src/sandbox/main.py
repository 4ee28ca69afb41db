"""The only wiring of the sandbox: settings in, servers out."""

import argparse
import asyncio
import contextlib
import importlib
import json
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sandbox.aliyun_sms.provider import AliyunSms
from sandbox.apns.provider import Apns
from sandbox.carrier import Carrier
from sandbox.clock import Clock, ClockFileError
from sandbox.document import SettingsError
from sandbox.effects import EffectLog
from sandbox.faults import FaultPlan
from sandbox.fcm.provider import Fcm
from sandbox.getui.provider import Getui
from sandbox.jpush.provider import Jpush
from sandbox.memory import Memory
from sandbox.provider import Desk, Provider
from sandbox.reports import Reports
from sandbox.responses import Responses
from sandbox.server import Parts, PortInUseError, Sandbox
from sandbox.settings import Settings, load
from sandbox.smtp.provider import Smtp
from sandbox.store import Store
from sandbox.tencent_sms.provider import TencentSms
from sandbox.webhook.provider import Webhook
from sandbox.wechat.provider import Wechat

EXIT_SETTINGS, EXIT_PORT = 2, 3
_MAKERS: Mapping[str, Callable[[Any, Desk], Provider]] = {
    "aliyun_sms": AliyunSms,
    "wechat": Wechat,
    "jpush": Jpush,
    "tencent_sms": TencentSms,
    "getui": Getui,
    "webhook": Webhook,
    "fcm": Fcm,
    "apns": Apns,
    "smtp": Smtp,
}
"""Every provider there is, by its section of the settings."""


def build(
    settings: Settings, folder: Path, *, clock: Clock | None = None, responses: Responses | None = None
) -> Sandbox:
    """Make a sandbox that keeps its data in `folder`; nothing listens before `start`.

    Call it inside a running event loop. `responses` wins over the factory named in the settings.
    """
    clock = clock or Clock()
    store = Store(folder, sync=settings.sync)
    log, memory = EffectLog(store), Memory(store, clock)
    carrier = Carrier(log, clock, responses or _responses(settings))
    reports = Reports(store, clock, settings.seed, settings.receipts)
    parts = Parts(store, clock, log, memory, carrier, reports, FaultPlan(settings.seed, settings.faults))
    desk = Desk(clock, memory, carrier, log, reports)
    providers = [_MAKERS[name](given, desk) for name, given in settings.providers.items()]
    return Sandbox(settings, parts, providers)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; prints one line of JSON with the ports when ready."""
    parser = argparse.ArgumentParser(prog="sandbox", description="The providers' stand-ins.")
    parser.add_argument("--data", type=Path, required=True, help="folder that keeps effects and memory")
    parser.add_argument("--settings", type=Path, required=True, help="YAML or JSON document")
    parser.add_argument(
        "--port",
        type=int,
        default=None,
        help="first of consecutive ports; 0 or absent: as in the settings, else free ones",
    )
    parser.add_argument("--seed", type=int, default=None, help="wins over the seed of the settings")
    parser.add_argument("--clock", type=Path, default=None, help="the suite's clock file")
    given = parser.parse_args(arguments)
    try:
        settings = load(given.settings, seed=given.seed, port=given.port)
        asyncio.run(_serve(settings, given.data, Clock(given.clock)))
    except (SettingsError, ClockFileError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command line program
        return EXIT_SETTINGS
    except PortInUseError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return EXIT_PORT
    return 0


async def _serve(settings: Settings, folder: Path, clock: Clock) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    async with build(settings, folder, clock=clock) as sandbox:
        print(json.dumps({"ports": sandbox.ports}), flush=True)  # noqa: T201 - read by whoever started us
        await sandbox.serve(stop)


def _responses(settings: Settings) -> Responses:
    """Import and call the factory that the settings name; the seed is filled in when it is not given."""
    module_name, _, name = settings.responses.partition(":")
    try:
        factory = getattr(importlib.import_module(module_name), name)
        made: Responses = factory({"seed": settings.seed, **settings.responses_settings})
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise SettingsError(f"responses.factory {settings.responses} cannot be used: {error}") from error
    return made
