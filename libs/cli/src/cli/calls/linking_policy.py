"""The tenant's linking policy: read, tried, applied."""

import json
from pathlib import Path

import grpc
import yaml
from huaxiang.identity.v1 import policy_service_pb2 as pb
from huaxiang.identity.v1.policy_service_pb2_grpc import PolicyServiceStub

from cli.exits import Exit, Refusal
from cli.text_files import read_text

REPLAY_WITHIN_S = 60.0


def read_document(path: Path) -> str:
    """A policy file, YAML or JSON, as JSON. Raises Refusal."""
    try:
        document = yaml.safe_load(read_text(path))
    except yaml.YAMLError as error:
        raise Refusal(f"{path} is neither YAML nor JSON: {error}", Exit.USAGE) from error
    return json.dumps(document, ensure_ascii=False, default=str)


async def get(channel: grpc.aio.Channel, version: int | None) -> pb.GetPolicyResponse:
    """A version; by default the one in force."""
    return await PolicyServiceStub(channel).GetPolicy(pb.GetPolicyRequest(version=version))


async def simulate(channel: grpc.aio.Channel, document: str) -> pb.SimulatePolicyResponse:
    """What it would make of persons."""
    request = pb.SimulatePolicyRequest(document=document)
    return await PolicyServiceStub(channel).SimulatePolicy(request, timeout=REPLAY_WITHIN_S)


async def replay(
    channel: grpc.aio.Channel, document: str, reason: str, confirm: int, *, dry_run: bool
) -> pb.ReplayPolicyResponse:
    """Applies it to all stored evidence."""
    request = pb.ReplayPolicyRequest(document=document, reason=reason, confirm=confirm, validate_only=dry_run)
    return await PolicyServiceStub(channel).ReplayPolicy(request, timeout=REPLAY_WITHIN_S)
