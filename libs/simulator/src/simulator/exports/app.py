"""The app: devices bound at login with their push tokens, and settings changed later."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from simulator.accounts import PLATFORMS
from simulator.columns import joined, kept, padded, picked, repeated, wall_times
from simulator.consents import NEVER
from simulator.exports.mapping import consent, contact, identifier, mapping
from simulator.exports.story import Story
from simulator.files import UTF8, SourceFile

_DEVICE = identifier("device_id", "device_id")


def app(story: Story) -> Iterator[tuple[SourceFile, pa.Table]]:
    """Bindings of devices; a device that nobody logged in on is bound to nobody."""
    accounts, devices = story.accounts, story.accounts.devices
    owner = pa.array(devices.owner)
    rows = len(devices.owner)
    binding = joined(
        "B",
        padded(story.people.index[devices.owner], 7),
        padded(np.arange(rows) - devices.first[devices.owner], 1),
    )
    member_id = kept(accounts.member_id.take(owner), devices.logged_in)
    table = pa.table(
        {
            "binding_id": binding,
            "device_id": devices.device_id,
            "platform": picked(PLATFORMS, devices.platform),
            "registration_id": devices.registration_id,
            "member_id": member_id,
            "login_phone": kept(accounts.login_phone.take(owner), devices.logged_in),
            "push_on": picked(["N", "Y"], story.consents.push_on.astype(np.int64)),
            "bound_at": wall_times(story.openings.device),
        }
    )
    plan = mapping(
        "app",
        ["=binding", "binding_id"],
        "bound_at",
        [_DEVICE, identifier("member_id", "member_id"), identifier("phone", "login_phone")],
        contact_points=[contact("push", "registration_id")],
        consents=_permissions("bound_at"),
    )
    yield SourceFile("app/devices.csv", UTF8, plan), table
    off = story.consents.push_off_at
    changed = pa.table(
        {
            "binding_id": binding,
            "device_id": devices.device_id,
            "registration_id": devices.registration_id,
            "push_on": repeated("N", rows),
            "changed_at": wall_times(np.maximum(off, 0)),
        }
    )
    plan = mapping(
        "app", ["=push_off", "binding_id"], "changed_at", [_DEVICE], consents=_permissions("changed_at")
    )
    yield SourceFile("app/push_settings.csv", UTF8, plan), changed.filter(pa.array(off != NEVER))


def _permissions(time: str) -> list[dict[str, object]]:
    return [
        consent("service", "push", "registration_id", "push_on", time),
        consent("marketing", "push", "registration_id", "push_on", time),
    ]
