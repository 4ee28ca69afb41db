"""What the tenant fixes for all services."""

import grpc
from huaxiang.identity.v1 import tenant_settings_pb2
from huaxiang.identity.v1 import tenant_settings_service_pb2 as pb
from huaxiang.identity.v1.tenant_settings_service_pb2_grpc import TenantSettingsServiceStub

Settings = tenant_settings_pb2.TenantSettings


async def get(channel: grpc.aio.Channel) -> Settings:
    """The settings in force."""
    return (
        await TenantSettingsServiceStub(channel).GetTenantSettings(pb.GetTenantSettingsRequest())
    ).settings


async def change(channel: grpc.aio.Channel, wanted: Settings) -> Settings:
    """Replaces the fields that `wanted` sets; all others stay. Conflicts when somebody changes them meanwhile."""
    stub = TenantSettingsServiceStub(channel)
    stored = await stub.GetTenantSettings(pb.GetTenantSettingsRequest())
    stored.settings.MergeFrom(wanted)
    request = pb.UpdateTenantSettingsRequest(settings=stored.settings, etag=stored.etag)
    return (await stub.UpdateTenantSettings(request)).settings
