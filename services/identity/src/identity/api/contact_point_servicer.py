"""ContactPointService."""

import grpc
from huaxiang.identity.v1 import contact_point_service_pb2, contact_point_service_pb2_grpc
from servicekit.calls import current_principal
from servicekit.freshness import Freshness

from identity.api import parse, render
from identity.api.transactions import Transactions
from identity.app.get_contact_points import GetContactPoints

Context = grpc.aio.ServicerContext[object, object]


class ContactPointServicer(contact_point_service_pb2_grpc.ContactPointServiceServicer):
    """Hands out addresses."""

    def __init__(
        self, transactions: Transactions, freshness: Freshness, get_contact_points: GetContactPoints
    ) -> None:
        self._transactions = transactions
        self._freshness = freshness
        self._get_contact_points = get_contact_points

    async def GetContactPoints(
        self, request: contact_point_service_pb2.GetContactPointsRequest, context: Context
    ) -> contact_point_service_pb2.GetContactPointsResponse:
        question = parse.contact_question(request, current_principal())
        await self._freshness.ensure(request.consistency)
        answer = await self._transactions.read(self._get_contact_points, question)
        await self._transactions.write(self._get_contact_points.audit, question, answer)
        return render.contact_points(answer)
