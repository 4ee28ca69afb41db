"""Every refusal of the server as a caller sees it, and what stands around a call."""

import asyncio
import time
from dataclasses import replace

import grpc
import pytest
import toy_proto as pb
from grpc_health.v1 import health_pb2, health_pb2_grpc
from huaxiang.type.v1 import error_reason_pb2, revision_pb2
from servicekit import errors
from servicekit.calls import current_deadline, current_principal
from servicekit.client import connect, service_config
from servicekit.consumer import ConsumerState
from servicekit.health import CONSUMERS
from servicekit.principal import KeyFileAuthenticator, write_key_file
from servicekit.revision import LANES, Lane
from servicekit.rights import RightsUndeclared
from servicekit.server import PortInUse, Service, ServiceApp, start
from servicekit.status import NO_REASON, is_reason, reason_of
from servicekit.testing.servers import SERVICE_KEY, keys_for, serving
from toy import ToyServicer, ToyStore, toy_service


class OddServicer(ToyServicer):
    """A servicer that does what a request's name says."""

    attempts = 0

    async def GetItem(self, request, context):  # noqa: N802
        OddServicer.attempts += 1
        match request.name:
            case "sleep":
                await asyncio.sleep(30)
            case "nap":
                await asyncio.sleep(0.5)
            case "bug":
                raise ZeroDivisionError("the cause, with the phone 13800138000")
            case "long":
                raise errors.ResourceNotFound("标签 " + "签" * 100_000, suggestion="x" * 100_000)
            case "flaky" if OddServicer.attempts < 3:
                raise errors.UpstreamUnavailable("toy")
            case "abort":
                await context.abort(grpc.StatusCode.DATA_LOSS, "by hand")
            case "who":
                principal = current_principal()
                assert current_deadline() > asyncio.get_running_loop().time()
                return pb.GetItemResponse(tenant=principal.tenant, name=principal.subject)
            case "missing":
                return await super().GetItem(request, context)
        return pb.GetItemResponse(name=request.name)


@pytest.fixture
def store(sqlite_url):
    opened = ToyStore.open(sqlite_url)
    yield opened
    opened.database.close_now()


@pytest.fixture
async def server(store, tmp_path):
    OddServicer.attempts = 0
    async with serving([toy_service(OddServicer(store))], tmp_path, max_unary_s=0.3) as running:
        yield running


async def refused(call):
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return error.value


async def get(channel, name, **options):
    return await pb.ToyStub(channel).GetItem(pb.GetItemRequest(name=name), **options)


async def test_a_refusal_that_quotes_a_long_name_still_arrives(server):
    """What exceeds gRPC's metadata would reach the caller as another code, without its reason."""
    error = await refused(get(server.connect(), "long"))
    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert error.details().startswith("标签 签签")
    assert reason_of(error).reason == "NOT_FOUND"
    assert reason_of(error).metadata["resource"].startswith("标签 签签")


async def test_a_call_without_a_key_or_with_an_unknown_one_is_refused(server):
    async with grpc.aio.insecure_channel(server.target) as bare:
        error = await refused(get(bare, "x"))
        assert error.code() is grpc.StatusCode.UNAUTHENTICATED
        assert reason_of(error).reason == "KEY_UNKNOWN"
    async with connect(server.target, key="no such key") as channel:
        error = await refused(get(channel, "x"))
        assert is_reason(error, "KEY_UNKNOWN")
        assert "hint" in reason_of(error).metadata


async def test_a_call_without_the_right_is_refused_and_named(server):
    error = await refused(pb.ToyStub(server.connect("viewer")).PutItem(pb.PutItemRequest(name="x", value=1)))
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED
    assert reason_of(error) == ("huaxiang", "RIGHT_MISSING", {"right": "toy.items.write"})


@pytest.mark.parametrize("role", ["admin", "viewer"])
async def test_a_watch_is_for_services_only(server, role):
    stream = pb.ToyStub(server.connect(role)).Watch(pb.WatchRequest())
    error = await refused(stream.read())
    assert reason_of(error).metadata == {"right": "toy.changes.watch"}


async def test_the_tenant_comes_from_the_key_and_only_a_service_names_one(server):
    assert (await get(server.connect("admin", "t2"), "who")).tenant == "t2"
    assert (await get(server.connect("service", "t9"), "who")).tenant == "t9"
    named = (("huaxiang-tenant", "t1"),)
    error = await refused(get(server.connect("admin", "t2"), "who", metadata=named))
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED
    async with connect(server.target, key=SERVICE_KEY) as channel:
        assert (await get(channel, "who", metadata=named)).tenant == "t1"
        error = await refused(pb.ToyStub(channel).PutItem(pb.PutItemRequest(name="x", value=1)))
        assert reason_of(error).metadata["field"] == "metadata huaxiang-tenant"


async def test_an_unexpected_error_tells_its_call_id_and_nothing_else(server):
    error = await refused(get(server.connect("admin"), "bug"))
    assert error.code() is grpc.StatusCode.INTERNAL
    said = reason_of(error)
    assert said.reason == "INTERNAL"
    assert len(said.metadata["call_id"]) == 16
    assert "13800138000" not in error.details()
    assert "ZeroDivision" not in error.details()


async def test_an_error_carries_its_reason_and_metadata(server):
    error = await refused(get(server.connect("admin"), "missing"))
    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert reason_of(error) == ("huaxiang", "NOT_FOUND", {"resource": "item missing"})


async def test_an_abort_by_hand_passes(server):
    error = await refused(get(server.connect("admin"), "abort"))
    assert (error.code(), error.details()) == (grpc.StatusCode.DATA_LOSS, "by hand")
    assert reason_of(error) == NO_REASON


async def test_a_unary_call_ends_with_its_deadline_or_the_servers(server):
    for options in ({"timeout": 0.1}, {"timeout": 60}, {}):
        started = time.monotonic()
        error = await refused(get(server.connect("admin"), "sleep", **options))
        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert time.monotonic() - started < 5


async def test_a_read_that_is_not_reached_in_time_says_so(store, tmp_path):
    async with serving([toy_service(ToyServicer(store))], tmp_path) as server:
        head = store.database.read_now(store.changelog.head)
        ahead = store.changelog.append
        revision = await store.database.write(ahead, Lane.LIVE, [])
        future = revision.at(Lane.LIVE, head.position + 5)
        stub = pb.ToyStub(server.connect("admin"))

        def request(token):
            fresh = revision_pb2.Consistency(at_least_as_fresh=revision_pb2.Revision(token=token))
            return pb.GetItemRequest(name="missing", consistency=fresh)

        error = await refused(stub.GetItem(request(future.token()), timeout=0.3))
        assert is_reason(error, "REVISION_NOT_REACHED")
        error = await refused(stub.GetItem(request("not a token")))
        assert is_reason(error, "REVISION_MALFORMED")
        await store.database.write(store.changelog.new_epoch)
        error = await refused(stub.GetItem(request(future.token())))
        assert is_reason(error, "REVISION_FOREIGN")


async def test_a_message_over_the_limit_is_refused(server):
    stub = pb.ToyStub(server.connect("admin"))
    error = await refused(stub.GetItem(pb.GetItemRequest(name="x", padding=b"x" * (4 * 1024 * 1024 + 1))))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert (await stub.GetItem(pb.GetItemRequest(name="x", padding=b"x" * (4_000_000)))).name == "x"


async def test_idempotent_calls_are_repeated_when_the_service_is_unavailable(server):
    assert (await get(server.connect("admin"), "flaky", timeout=5)).name == "flaky"
    assert OddServicer.attempts == 3


def test_only_idempotent_rpcs_are_repeated():
    (policy,) = service_config([pb.TOY_SERVICE])["methodConfig"]
    assert {name["method"] for name in policy["name"]} == {"PutItem", "GetItem", "Watch", "ExportItems"}
    assert "methodConfig" not in service_config([health_pb2.DESCRIPTOR.services_by_name["Health"]])


async def test_health_needs_no_key(server):
    async with grpc.aio.insecure_channel(server.target) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for service in ("", "huaxiang.toy.v1.ToyService"):
            answer = await stub.Check(health_pb2.HealthCheckRequest(service=service))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_a_channel_does_not_wait_for_a_target_that_another_found_gone(tmp_path):
    async def check(channel):
        return await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())

    async with serving((), tmp_path) as gone:
        before = connect(gone.target, key=SERVICE_KEY)
        await check(before)
    with pytest.raises(grpc.aio.AioRpcError):
        await check(before)
    async with serving((), tmp_path, port=gone.port):
        after = connect(gone.target, key=SERVICE_KEY)
        assert (await check(after)).status == health_pb2.HealthCheckResponse.SERVING
        await after.close()
    await before.close()


async def test_health_tells_whether_the_consumers_follow(store, tmp_path):
    following, starting = ConsumerState("watching", streams=set(LANES)), ConsumerState("watching")
    running = await start(replace(app([], tmp_path), consumers=(following, starting)))
    states = health_pb2.HealthCheckResponse

    async def told():
        async with grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            return (await stub.Check(health_pb2.HealthCheckRequest(service=CONSUMERS))).status

    async def becomes(status):
        async with asyncio.timeout(5):
            while await told() != status:  # noqa: ASYNC110  # another's state, asked over the wire
                await asyncio.sleep(0.02)

    await becomes(states.NOT_SERVING)
    starting.streams |= set(LANES)
    await becomes(states.SERVING)
    following.phase = "pausing"
    await becomes(states.NOT_SERVING)
    await running.stop()


async def test_a_service_without_consumers_waits_for_none(server):
    async with grpc.aio.insecure_channel(server.target) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=CONSUMERS))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_reflection_lists_the_services(server):
    from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

    def ask():
        with grpc.insecure_channel(server.target) as channel:
            return list(ProtoReflectionDescriptorDatabase(channel).get_services())

    assert "huaxiang.toy.v1.ToyService" in await asyncio.to_thread(ask)


async def test_an_unknown_method_is_unimplemented(server):
    call = server.connect("admin").unary_unary("/huaxiang.toy.v1.ToyService/Nothing")
    assert (await refused(call(b""))).code() is grpc.StatusCode.UNIMPLEMENTED


def app(services, tmp_path, port=0):
    write_key_file(tmp_path / "keys.yaml", keys_for())
    authenticator = KeyFileAuthenticator(tmp_path / "keys.yaml")
    return ServiceApp("toy", services, authenticator, port, drain_s=0.0)


async def test_a_server_whose_rpcs_declare_no_right_does_not_start(store, tmp_path):
    def add(servicer, server):
        pb.add_to_server(servicer, server, pb.BARE_SERVICE)

    with pytest.raises(RightsUndeclared) as undeclared:
        await start(app([Service(pb.BARE_SERVICE, add, ToyServicer(store))], tmp_path))
    assert "huaxiang.toy.v1.BareService.PutItem" in undeclared.value.methods


async def test_a_port_in_use_is_named(store, server, tmp_path):
    with pytest.raises(PortInUse, match=str(server.port)):
        await start(app([toy_service(ToyServicer(store))], tmp_path, server.port))


async def admitted(channel, name):
    """The answer, once the server too has seen that the calls before have ended: callers see their deadline first."""
    async with asyncio.timeout(5):
        while True:
            try:
                return await get(channel, name)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
                    raise
            await asyncio.sleep(0.02)


async def test_too_many_calls_at_once_are_refused(store, tmp_path):
    limited = app([toy_service(OddServicer(store))], tmp_path)
    running = await start(ServiceApp(**{**limited.__dict__, "max_concurrent_rpcs": 2}))
    async with connect(f"127.0.0.1:{running.port}", key="key-of-admin-t1") as channel:
        held = [asyncio.ensure_future(get(channel, "sleep", timeout=2)) for _ in range(2)]
        await asyncio.sleep(0.2)
        error = await refused(get(channel, "x"))
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        await asyncio.gather(*held, return_exceptions=True)
        assert (await admitted(channel, "x")).name == "x"
    await running.stop()


def test_every_shared_reason_is_used_and_documented():
    """The kit's errors and the contract's enum name the same reasons."""
    classes = [errors.ServiceError]
    for cls in classes:
        classes += cls.__subclasses__()
    ours = {cls.reason for cls in classes if cls.domain == errors.SHARED_DOMAIN}
    declared = {
        name.removeprefix("ERROR_REASON_") for name in error_reason_pb2.ErrorReason.DESCRIPTOR.values_by_name
    }
    assert ours == declared - {"UNSPECIFIED"}


async def test_a_stop_ends_watches_at_once_and_lets_other_calls_end(store, tmp_path):
    running = await start(app([toy_service(OddServicer(store))], tmp_path))
    head = store.database.read_now(store.changelog.head)
    async with connect(f"127.0.0.1:{running.port}", key=SERVICE_KEY) as channel:
        stub = pb.ToyStub(channel)
        watch = stub.Watch(pb.WatchRequest(after=head.progress("toy").through.to_proto()))
        await watch.read()
        kept = asyncio.ensure_future(get(channel, "nap", metadata=(("huaxiang-tenant", "t1"),)))
        await asyncio.sleep(0.1)
        started = time.monotonic()
        await running.stop()
        assert time.monotonic() - started < 3, "grace is 5 s"
        assert (await kept).name == "nap"

        async def read_on():
            while True:
                await watch.read()

        error = await refused(read_on())
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        assert reason_of(error).metadata == {"service": "toy"}
