"""var/demo/report.json: what the demo found, for programs."""

import json
import time
from typing import Any

from cli.demo.state import Demo

REPORT_NAME = "report.json"
PARTS = ("input", "identity", "rfm", "tags", "segments", "activation", "latency")


def report(demo: Demo) -> dict[str, Any]:
    """The parts in their order, with the time since the demo began."""
    found = {part: demo.found[part] for part in PARTS if part in demo.found}
    return {**found, "wall_s": round(time.monotonic() - demo.started, 3)}


async def write_report(demo: Demo) -> None:
    """Into the demo's folder."""
    path = demo.root / REPORT_NAME
    path.write_text(json.dumps(report(demo), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    demo.say.line(str(path))
