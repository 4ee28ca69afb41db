"""GetPortrait of 60 tags beside a no-op rpc of the same server with the same interceptors; the load is aboard."""

import asyncio
import multiprocessing
import statistics
import tempfile
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

from benches.http2_load import Load, load
from benches.measure import cpu_s
from benches.noop import NOOP

PERSONS = 10_000
TAGS = 60
ROUNDS = 3
SECONDS = 5.0
COLD_CALLS = 2_000
KEY = "key-of-app-t1"
PORTRAIT = "/huaxiang.tagging.v1.PortraitService/GetPortrait"


def measure(seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figures and sizes: medians of interleaved rounds. `cold` calls are each a person's first."""
    del seed  # the shop is the same each time: what is read does not depend on what it says
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    with tempfile.TemporaryDirectory(prefix="huaxiang-bench-") as folder:
        process = context.Process(target=_serve, args=(there, folder), daemon=True)
        process.start()
        there.close()
        try:
            port, size_bytes = here.recv()
            figures = _run(lambda: _measured(port, process.pid or 0))
        finally:
            with suppress(OSError):
                here.send("stop")
            process.join(20)
            process.kill()
    return figures, {"portrait_persons": PERSONS, "portrait_tags": TAGS, "portrait_bytes": size_bytes}


async def _measured(port: int, pid: int) -> dict[str, Any]:
    from huaxiang.tagging.v1 import portrait_service_pb2 as pb

    def messages(**more: Any) -> list[bytes]:
        asked = (
            pb.GetPortraitRequest(person_id=each, template_id="all", **more) for each in range(1, PERSONS + 1)
        )
        return [each.SerializeToString() for each in asked]

    cold = await load(port, PORTRAIT, KEY, messages(language=pb.LANGUAGE_EN), seconds=60, calls=COLD_CALLS)
    hot = messages()
    await load(port, PORTRAIT, KEY, hot, seconds=120, calls=PERSONS)
    await load(port, NOOP, KEY, [b""], seconds=1)
    found: dict[str, list[Load]] = {"noop": [], "portrait": []}
    cpu_us: dict[str, list[float]] = {"noop": [], "portrait": []}
    for _ in range(ROUNDS):
        for name, path, asked in (("noop", NOOP, [b""]), ("portrait", PORTRAIT, hot)):
            before = cpu_s(pid)
            done = await load(port, path, KEY, asked, seconds=SECONDS)
            cpu_us[name].append((cpu_s(pid) - before) * 1e6 / len(done.latencies_ms))
            found[name].append(done)
    refused = sum(each.refused for rounds in found.values() for each in rounds) + cold.refused
    if refused:
        raise RuntimeError(f"{refused} calls were refused: the figures mean nothing")
    return {
        "calls_per_s": _median(found["portrait"], lambda each: each.calls_per_s),
        "noop_calls_per_s": _median(found["noop"], lambda each: each.calls_per_s),
        "p50_ms": _median(found["portrait"], lambda each: each.percentile_ms(50)),
        "p99_ms": _median(found["portrait"], lambda each: each.percentile_ms(99)),
        "noop_p99_ms": _median(found["noop"], lambda each: each.percentile_ms(99)),
        "server_cpu_us": round(statistics.median(cpu_us["portrait"]), 1),
        "noop_server_cpu_us": round(statistics.median(cpu_us["noop"]), 1),
        "cold_calls_per_s": round(cold.calls_per_s, 1),
        "cold_p99_ms": round(cold.percentile_ms(99), 2),
    }


def _median(loads: list[Load], figure: Callable[[Load], float]) -> float:
    return round(statistics.median(figure(each) for each in loads), 2)


def _run(measure_: Callable[[], Any]) -> Any:
    import uvloop

    return uvloop.run(measure_())


def _serve(pipe: Pipe, folder: str) -> None:
    """The server's process: answers its port and the size of a portrait, stops when it is told to."""
    import uvloop

    from benches.tagging_shop import serving_shop

    async def run() -> None:
        async with serving_shop(Path(folder), PERSONS, TAGS) as (port, size_bytes):
            pipe.send((port, size_bytes))
            await asyncio.to_thread(pipe.recv)

    uvloop.run(run())
