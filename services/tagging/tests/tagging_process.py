"""`python -m tagging` as a process of its own, over one data folder and a scripted identity."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from huaxiang.tagging.v1 import lake_service_pb2, lake_service_pb2_grpc
from huaxiang.type.v1 import revision_pb2
from servicekit.principal import key_entry
from servicekit.testing.processes import ServiceProcess

ADMIN = "admin-key"


class Process(ServiceProcess):
    """A tagging process over one data folder."""

    def __init__(self, folder: Path, identity_target: str, **environment: str) -> None:
        (folder / "service.key").write_text("key-of-service\n")
        settings = {
            "HUAXIANG_SERVICE_KEY_FILE": str(folder / "service.key"),
            "HUAXIANG_IDENTITY_TARGET": identity_target,
            "HUAXIANG_LAKE_FLUSH_BYTES": "20000",
        }
        keys = [key_entry(ADMIN, tenant="t1", subject="admin", roles=["admin"])]
        super().__init__(("-m", "tagging"), folder, keys, "HUAXIANG_TAGGING_PORT", settings | environment)

    async def call(self, stub: Callable[[Any], Any], rpc: str, request: Any, *, key: str = ADMIN) -> Any:
        return await super().call(stub, rpc, request, key=key)

    async def flush(self, consistency: revision_pb2.Consistency) -> lake_service_pb2.FlushLakeResponse:
        request = lake_service_pb2.FlushLakeRequest(consistency=consistency)
        done: lake_service_pb2.FlushLakeResponse = await self.call(
            lake_service_pb2_grpc.LakeServiceStub, "FlushLake", request
        )
        return done

    async def refuse(self, **environment: str) -> tuple[int, str]:
        return super().refuse(**environment)
