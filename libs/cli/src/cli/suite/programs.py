"""The processes of a suite: what to start, with which environment, on which ports."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from cli.suite.folder import SuiteFolder

SERVICES = ("identity", "tagging", "segments", "activation")
DEFAULT_BASE_PORT = 7100
PORT_OFFSETS = {"identity": 1, "tagging": 2, "segments": 3, "activation": 4}
RECEIPTS_OFFSET = 104
SANDBOX_OFFSET = 300
SANDBOX_PORTS = 5
MIN_BASE_PORT, MAX_BASE_PORT = 1_023, 65_535 - SANDBOX_OFFSET - SANDBOX_PORTS + 1


@dataclass(frozen=True)
class Ports:
    """All ports follow from one: 7100 gives identity 7101 ... activation 7104, receipts 7204, sandbox 7400."""

    base: int = DEFAULT_BASE_PORT

    def of(self, service: str) -> int:
        return self.base + PORT_OFFSETS[service]

    @property
    def receipts(self) -> int:
        return self.base + RECEIPTS_OFFSET

    @property
    def sandbox(self) -> int:
        """The first of consecutive ports: admin, aliyun_sms, wechat, jpush, tencent_sms."""
        return self.base + SANDBOX_OFFSET

    @property
    def sandboxes(self) -> tuple[int, ...]:
        """All ports of the sandbox."""
        return tuple(range(self.sandbox, self.sandbox + SANDBOX_PORTS))

    @property
    def every(self) -> tuple[int, ...]:
        """All ports of a suite."""
        return (*map(self.of, SERVICES), self.receipts, *self.sandboxes)

    def target(self, service: str) -> str:
        return f"127.0.0.1:{self.of(service)}"


@dataclass(frozen=True)
class Program:
    """A process: `ready_port` answers a connection when it serves; `more_ports` are the others that it listens on."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    ready_port: int
    more_ports: tuple[int, ...] = ()

    @property
    def ports(self) -> tuple[int, ...]:
        return (self.ready_port, *self.more_ports)


def programs(
    folder: SuiteFolder,
    ports: Ports,
    *,
    sandbox: bool,
    trace: bool,
    own_clock: bool,
    extra: Mapping[str, str],
) -> list[Program]:
    """Everything that `huaxiang up` starts, in order. `extra` wins over what is set here."""
    environment = {
        "HUAXIANG_DATA": str(folder.data),
        "HUAXIANG_KEYS": str(folder.keys),
        "HUAXIANG_SERVICE_KEY_FILE": str(folder.service_key),
        "HUAXIANG_IDENTITY_SECRET_FILE": str(folder.identity_secret),
        "HUAXIANG_ACTIVATION_SECRET_FILE": str(folder.activation_secret),
        "HUAXIANG_ACTIVATION_ACCOUNTS": str(folder.accounts),
        "HUAXIANG_ACTIVATION_RECEIPTS_PORT": str(ports.receipts),
        "NUMBA_CACHE_DIR": str(folder.numba),
        "PYTHONUNBUFFERED": "1",
    }
    for service in SERVICES:
        environment[f"HUAXIANG_{service.upper()}_PORT"] = str(ports.of(service))
        environment[f"HUAXIANG_{service.upper()}_TARGET"] = ports.target(service)
    if own_clock:
        environment["HUAXIANG_CLOCK"] = str(folder.clock)
    if trace:
        environment["HUAXIANG_TRACE_FILE"] = str(folder.trace)
        environment["HUAXIANG_TRACE_RATIO"] = "1"
    environment.update(extra)
    more_ports = {"activation": (ports.receipts,)}
    started = [
        Program(
            service,
            (sys.executable, "-m", service),
            environment,
            ports.of(service),
            more_ports.get(service, ()),
        )
        for service in SERVICES
    ]
    if sandbox:
        command = [sys.executable, "-m", "sandbox", "--data", str(folder.data / "sandbox")]
        command += ["--settings", str(folder.sandbox_settings), "--port", str(ports.sandbox)]
        if own_clock:
            command += ["--clock", str(folder.clock)]
        sandbox_program = Program("sandbox", tuple(command), environment, ports.sandbox, ports.sandboxes[1:])
        started.insert(0, sandbox_program)
    return started
