"""Starts the demo's own suite: keys from its seed, a clock of its own, receivers as the simulator planted them."""

import shutil
from pathlib import Path

import yaml
from huaxiang.identity.v1 import tenant_settings_pb2, tenant_settings_service_pb2
from huaxiang.identity.v1.tenant_settings_service_pb2_grpc import TenantSettingsServiceStub
from servicekit.clock import write_clock_file

from cli.demo.state import STILL_SPEED, Demo
from cli.exits import Exit, Refusal
from cli.suite import running
from cli.suite.patience import patiently
from cli.suite.programs import DEFAULT_BASE_PORT, Ports
from cli.suite.secrets import create_secrets
from cli.suite.starting import start_detached
from cli.suite.supervisor import listens

MARK = "demo.mark"
BASE_PORTS = (DEFAULT_BASE_PORT, 8100, 9100, 17100, 27100)
TIMINGS = {"SETTLE_S": "60", "POLL_S": "30", "NO_RECEIPT_S": "7200"}
"""How long channels wait, in seconds of the suite's clock, which the demo lets run fast."""


def clear(demo: Demo) -> None:
    """Removes an earlier demo and stops its suite. Raises Refusal when the folder holds something else."""
    root = demo.root
    require_demo_folder(root)
    running.end(demo.folder)
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    (root / MARK).write_text("The demo makes this folder anew each time it runs.\n")


def require_demo_folder(root: Path) -> None:
    """Raises Refusal when a folder holds something else than an earlier demo."""
    if root.exists() and any(root.iterdir()) and not (root / MARK).exists():
        raise Refusal(f"{root} is no folder of an earlier demo; choose another with --folder", Exit.CONFLICT)


def free_base_port() -> int:
    """The first base whose ports are all free. Raises Refusal."""
    for base in BASE_PORTS:
        if not any(listens(port) for port in Ports(base).every):
            return base
    tried = ", ".join(str(base) for base in BASE_PORTS)
    raise Refusal(f"ports are taken from each of {tried} on; name others with --base-port", Exit.CONFLICT)


async def start(demo: Demo) -> None:
    """At the moment of the story, the clock almost still, until people are to react."""
    seed = demo.manifest.seed
    create_secrets(demo.folder, seed)
    write_clock_file(demo.folder.clock, demo.manifest.as_of, STILL_SPEED)
    receivers = {"factory": "cli.demo.responses:planted", "seed": seed, "time_zone": demo.manifest.time_zone}
    settings = demo.root / "receivers.yaml"
    settings.write_text(yaml.safe_dump({"seed": seed, "responses": receivers}))
    timings = {f"HUAXIANG_ACTIVATION_{name}": value for name, value in TIMINGS.items()}
    options = [f"--base-port={demo.base_port}", f"--sandbox-settings={settings}", "--no-compile-ahead"]
    demo.say.line(start_detached(demo.folder, options, timings))
    await _set_time_zone(demo)


async def _set_time_zone(demo: Demo) -> None:
    settings = tenant_settings_pb2.TenantSettings(
        time_zone=demo.manifest.time_zone,
        week_start=1,
        currency="GBP" if demo.kind == "overlay" else "CNY",
    )
    request = tenant_settings_service_pb2.UpdateTenantSettingsRequest(settings=settings)
    async with demo.channel("identity") as channel:
        stub = TenantSettingsServiceStub(channel)
        await patiently(lambda: stub.UpdateTenantSettings(request))
