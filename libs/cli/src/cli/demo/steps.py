"""The demo's steps in their order, each an independent function over what was found so far."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from cli.demo import (
    audiences,
    campaigns,
    effects,
    latency,
    merges,
    report,
    sources,
    suite,
    tags,
    truth,
    wrong_merge,
)
from cli.demo.state import Demo


@dataclass(frozen=True)
class Step:
    """`text` and `zh` tell people what it does."""

    name: str
    text: str
    zh: str
    work: Callable[[Demo], Awaitable[None]]


STEPS = (
    Step("start", "Start the suite on its own clock", "启动四个服务", suite.start),
    Step("import", "Import what the systems say", "导入各来源数据", sources.import_sources),
    Step("reference", "Store items, stores and coupons", "导入维表", sources.put_reference),
    Step("persons", "Check who was joined to whom", "核对身份合并", truth.check_persons),
    Step("merges", "Look at a wrong merge that was avoided", "查看被避免的误合并", merges.show_avoided_merge),
    Step("tags", "Define tags", "定义标签", tags.apply_tags),
    Step("run", "Compute tags for everybody", "计算标签", tags.run_tags),
    Step("values", "Read the tags", "读取标签", tags.read_tags),
    Step("audiences", "Make three audiences", "圈选三个人群", audiences.create_audiences),
    Step("campaigns", "Start one campaign per channel", "发起三个活动", campaigns.start_campaigns),
    Step("sending", "Send", "发送", campaigns.wait_until_sent),
    Step("receipts", "Wait for receipts, clicks and answers", "等待回执与点击", campaigns.wait_for_receipts),
    Step("effects", "Compare with what really left", "核对实际发送", effects.compare),
    Step("undo", "Explain and undo a wrong merge", "解释并撤销一次误合并", wrong_merge.merge_and_undo),
    Step("latency", "Measure from event to audience", "测量事件到人群的时延", latency.measure),
    Step("report", "Write the report", "写出报告", report.write_report),
)
WORLD_STEPS = 1
"""Steps before these: making the world."""


async def run_steps(
    demo: Demo,
    steps: Sequence[Step] = STEPS,
    before: Callable[[Step], Awaitable[None]] | None = None,
) -> None:
    """In their order; `before` is called ahead of each."""
    for step in steps:
        if before is not None:
            await before(step)
        with demo.say.step(step.text, step.zh):
            await step.work(demo)
