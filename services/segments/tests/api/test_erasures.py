"""Erasures that identity tells of: confirmed when nothing of the person is left, files of columns included."""

from collections.abc import Mapping
from typing import Any

from huaxiang.identity.v1 import privacy_service_pb2 as privacy
from huaxiang.tagging.v1 import change_pb2
from segments.main import ASKED_OF_IDENTITY, SOURCES
from segments.workers.erasures import ErasureConfirming
from segments_identity import FakeIdentity
from segments_tagging import person_told
from servicekit.changelog import Changelog
from servicekit.client import connect
from servicekit.freshness import Freshness
from servicekit.testing.servers import SERVICE_KEY, serving


class Owing:
    """Debts that a test says: by tenant what is owed, and up to which number all is paid."""

    def __init__(self) -> None:
        self.owed: dict[str, Mapping[str, int] | None] = {}
        self.paid = 0

    def of(self, tenant: str) -> Mapping[str, int] | None:
        return self.owed.get(tenant, {})

    def are_paid(self, tenant: str, debts: Mapping[str, int]) -> bool:
        return max(debts.values(), default=0) <= self.paid


async def test_an_erasure_is_confirmed_when_what_the_files_owed_to_it_is_paid(suite: Any) -> None:
    told = suite.tagging.tell(person_told(2, 2, change_pb2.UNIVERSE_STATE_ERASED))
    people = FakeIdentity({})
    people.erasures = [
        privacy.UnconfirmedErasure(tenant=tenant, erasure_id=number, revision=told.to_proto())
        for number, tenant in enumerate(("t1", "t2", "t1"), 1)
    ]
    owing = Owing()
    owing.owed["t1"] = None
    board = suite.wiring.board
    freshness = Freshness(Changelog("segments", sources=SOURCES), board.head, board.commits)
    (suite.folder / "people").mkdir()
    async with serving(people.services(), suite.folder / "people", name="people") as server:
        channel = connect(server.target, key=SERVICE_KEY, services=ASKED_OF_IDENTITY)
        confirming = ErasureConfirming(channel, freshness, owing)
        assert (await confirming.look(), people.confirmed) == (1, [2])
        owing.owed["t1"] = {"nickname": 5}
        assert await confirming.look() == 0
        owing.owed["t1"], owing.paid = {"nickname": 9}, 5
        assert (await confirming.look(), people.confirmed) == (2, [2, 1, 3])
        assert await confirming.look() == 0
        await channel.close()
