"""A whole service as a process: python served_process.py <port> <folder>. Test data of test_process.py."""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import toy_proto as pb
from servicekit.config import integer, read, setting
from servicekit.logging import configure, logger
from servicekit.principal import KeyFileAuthenticator
from servicekit.server import ServiceApp, serve
from toy import ToyServicer, ToyStore, toy_service


class SlowServicer(ToyServicer):
    async def GetItem(self, request, context):  # noqa: N802
        logger().info("began", phone="13800138000")
        await asyncio.sleep(1.0)
        return pb.GetItemResponse(name=request.name)


async def build() -> ServiceApp:
    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    configure("toy")
    store = ToyStore.open(f"sqlite:///{folder}/store.db")

    async def failing() -> None:
        await asyncio.sleep(0.2)
        raise RuntimeError("worker broke")

    async def report() -> None:
        logger().info("closed")

    return ServiceApp(
        "toy",
        [toy_service(SlowServicer(store))],
        KeyFileAuthenticator(folder / "keys.yaml"),
        port,
        workers=[failing] if "failing-worker" in sys.argv else [],
        on_stop=[store.database.close, report],
        drain_s=0.3,
    )


async def misconfigured() -> ServiceApp:
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class Config:
        port: int = setting("TOY_PORT", integer(1, 9))
        keys: str = setting("TOY_KEYS", str)

    read(Config, {"TOY_PORT": "ninety"})
    raise AssertionError


if __name__ == "__main__":
    sys.exit(serve(misconfigured if "misconfigured" in sys.argv else build))
