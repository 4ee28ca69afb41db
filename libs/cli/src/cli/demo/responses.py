"""What people do with the demo's messages: the simulator's planted truth, as the sandbox asks for it."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sandbox.responses import Response, Sent
from simulator.responses import address_key, respond


@dataclass(frozen=True, slots=True)
class PlantedResponses:
    """Reachability, clicks and opt-outs as the simulator planted them in each address."""

    seed: int
    zone: ZoneInfo

    def respond(self, sent: Sent) -> Response:
        hour = dt.datetime.fromtimestamp(sent.at_epoch_s, self.zone).hour
        digest = address_key(sent.channel, sent.address)
        found = respond(self.seed, sent.channel, digest, sent.text, hour, marketing=sent.marketing)
        delivered_after_s = float(found.delivery_delay_s)
        return Response(
            delivered=found.delivered,
            delivered_after_s=delivered_after_s,
            clicked_after_s=_after(delivered_after_s, found.click_delay_s),
            reply=found.reply or "",
            replied_after_s=_after(delivered_after_s, found.reply_delay_s) or 0.0,
        )


def planted(settings: Mapping[str, object]) -> PlantedResponses:
    """Makes them from the sandbox's settings: {seed, time_zone}."""
    return PlantedResponses(int(str(settings["seed"])), ZoneInfo(str(settings["time_zone"])))


def _after(delivered_after_s: float, delay_s: int | None) -> float | None:
    return None if delay_s is None else delivered_after_s + delay_s
