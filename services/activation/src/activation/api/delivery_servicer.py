"""DeliveryService: the ledger, row by row."""

from activation.api import parse, render, render_policy
from activation.app.deliveries import Deliveries
from huaxiang.activation.v1 import delivery_service_pb2 as pb
from huaxiang.activation.v1.delivery_service_pb2_grpc import DeliveryServiceServicer
from servicekit.calls import current_principal
from servicekit.database import Database
from servicekit.paging import make_token, page_size, read_token, request_hash


class DeliveryServicer(DeliveryServiceServicer):
    """Rows and their histories."""

    def __init__(self, database: Database, deliveries: Deliveries) -> None:
        self._database = database
        self._deliveries = deliveries

    async def ListDeliveries(
        self, request: pb.ListDeliveriesRequest, context: object
    ) -> pb.ListDeliveriesResponse:
        tenant = current_principal().require_tenant()
        size = page_size(request.page_size)
        bound_to = request_hash(request, tenant)
        last = read_token(request.page_token, bound_to, int)
        after = last[0] if last else 0
        state = parse.state(request.state)
        found = await self._database.read(
            self._deliveries.page, tenant, request.campaign_id, state, after, size + 1
        )
        more = len(found) > size
        return pb.ListDeliveriesResponse(
            deliveries=[render.delivery(each) for each in found[:size]],
            next_page_token=make_token([found[size - 1].person_id], bound_to) if more else "",
        )

    async def ExplainDelivery(
        self, request: pb.ExplainDeliveryRequest, context: object
    ) -> pb.ExplainDeliveryResponse:
        tenant = current_principal().require_tenant()
        told = await self._database.read(
            self._deliveries.explain, tenant, request.campaign_id, request.person_id
        )
        return pb.ExplainDeliveryResponse(
            delivery=render.delivery(told.delivery),
            history=[render.step(each) for each in told.steps],
            decision=None if told.grounds is None else render_policy.decision(told.grounds, told.caps),
            explanation=told.words,
        )
