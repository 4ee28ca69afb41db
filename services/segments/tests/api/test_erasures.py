"""Erasures that identity tells of: confirmed when nothing of the person is left, files of columns included."""

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


async def test_an_erasure_is_confirmed_when_no_file_owes_a_merge(suite: Any) -> None:
    told = suite.tagging.tell(person_told(2, 2, change_pb2.UNIVERSE_STATE_ERASED))
    people = FakeIdentity({})
    people.erasures = [
        privacy.UnconfirmedErasure(tenant=tenant, erasure_id=number, revision=told.to_proto())
        for number, tenant in enumerate(("t1", "t2", "t1"), 1)
    ]
    owing = {"t1"}
    board = suite.wiring.board
    freshness = Freshness(Changelog("segments", sources=SOURCES), board.head, board.commits)
    (suite.folder / "people").mkdir()
    async with serving(people.services(), suite.folder / "people", name="people") as server:
        channel = connect(server.target, key=SERVICE_KEY, services=ASKED_OF_IDENTITY)
        confirming = ErasureConfirming(channel, freshness, owing.__contains__)
        assert (await confirming.look(), people.confirmed) == (1, [2])
        owing.clear()
        assert (await confirming.look(), people.confirmed) == (2, [2, 1, 3])
        assert await confirming.look() == 0
        await channel.close()
