"""A process that is killed in the middle of a replay leaves all as it was or all of it, and a repeat ends the same."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from identity.domain.evidence import LinkKind
from identity.main import Wiring
from linking_world import DOCUMENT, Said
from policy_tenants import Tenant, changed
from servicekit.clock import ManualClock

SCRIPT = Path(__file__).parent.parent / "replaying_process.py"
SECONDS = 60
STRICTER = changed(
    member_id={"limits": {"strong": 1, "weak": 1}}, phone={"blocked_patterns": ["phone-[0-7]"]}
)
RECORDS = [
    Said((("member_id", n), ("phone", n), ("device_id", n % 30), ("email", n)), LinkKind.LOGIN, n % 9, True)
    for n in range(40)
]


def replay(
    wiring: Wiring, secret: bytes, tenant: Tenant, where: str = ""
) -> "subprocess.CompletedProcess[str]":
    """Replays the stricter policy in a process of its own, always by the same request id."""
    url = wiring.database.url.render_as_string(hide_password=False)
    return subprocess.run(
        [sys.executable, SCRIPT, url, secret.hex(), tenant.name, "replay-1", where],
        input=json.dumps(STRICTER),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.mark.parametrize(
    "where", ["policies.put", "keys.update", "conflicts.add", "changes.append", "commit"]
)
def test_a_killed_replay_happened_or_did_not(
    wiring: Wiring, secret: bytes, clock: ManualClock, where: str
) -> None:
    tenant, constant = (Tenant(wiring.database, secret, clock) for _ in range(2))
    tenant.replay(DOCUMENT)
    tenant.send(list(enumerate(RECORDS)))
    before, head, published = tenant.state(), tenant.head(), tenant.published()
    constant.replay(STRICTER)
    constant.send(list(enumerate(RECORDS)))
    assert constant.state()[0] != before[0]
    killed = replay(wiring, secret, tenant, where)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    if where == "commit":
        assert tenant.state() == constant.state()
    else:
        assert (tenant.state(), tenant.published()) == (before, published)
        assert tenant.policy_version() == 0
    middle = tenant.head()
    for _ in range(2 if where == "changes.append" else 1):
        again = replay(wiring, secret, tenant)
        assert again.returncode == 0, again.stderr
        assert json.loads(again.stdout) == {"version": 1}
        assert (tenant.state(), tenant.policy_version()) == (constant.state(), 1)
    assert (tenant.head() > middle) == (where != "commit")
    assert head < tenant.head()
