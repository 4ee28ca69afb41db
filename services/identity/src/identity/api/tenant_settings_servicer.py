"""TenantSettingsService."""

import grpc
from huaxiang.identity.v1 import tenant_settings_service_pb2, tenant_settings_service_pb2_grpc
from servicekit.calls import current_principal

from identity.api import parse
from identity.api.encoding import settings_message
from identity.api.transactions import Transactions
from identity.app.tenant_settings import GetTenantSettings, UpdateTenantSettings

Context = grpc.aio.ServicerContext[object, object]


class TenantSettingsServicer(tenant_settings_service_pb2_grpc.TenantSettingsServiceServicer):
    """Reads and changes the settings of the caller's tenant."""

    def __init__(
        self,
        transactions: Transactions,
        get_settings: GetTenantSettings,
        update_settings: UpdateTenantSettings,
    ) -> None:
        self._transactions = transactions
        self._get_settings = get_settings
        self._update_settings = update_settings

    async def GetTenantSettings(
        self, request: tenant_settings_service_pb2.GetTenantSettingsRequest, context: Context
    ) -> tenant_settings_service_pb2.GetTenantSettingsResponse:
        answer = await self._transactions.read(self._get_settings, current_principal().require_tenant())
        return tenant_settings_service_pb2.GetTenantSettingsResponse(
            settings=settings_message(answer.settings), etag=answer.etag, revision=answer.revision.to_proto()
        )

    async def UpdateTenantSettings(
        self, request: tenant_settings_service_pb2.UpdateTenantSettingsRequest, context: Context
    ) -> tenant_settings_service_pb2.UpdateTenantSettingsResponse:
        settings = parse.settings(request.settings)
        tenant = current_principal().require_tenant()
        answer = await self._transactions.write(self._update_settings, tenant, settings, request.etag)
        return tenant_settings_service_pb2.UpdateTenantSettingsResponse(
            settings=settings_message(answer.settings), etag=answer.etag, revision=answer.revision.to_proto()
        )
