"""Without the extra of matching a run fails and says what to install; the service goes on."""

from pathlib import Path

import pytest
from huaxiang.identity.v1 import (
    ingest_service_pb2,
    ingest_service_pb2_grpc,
    match_pb2,
    match_service_pb2_grpc,
)
from huaxiang.identity.v1 import match_service_pb2 as pb
from identity.main import Wiring
from identity_records import identifiers, record, text
from servicekit.testing.servers import LocalServer


@pytest.mark.parametrize("missing", ["pypinyin", "splink"])
async def test_a_run_without_the_extra_fails_by_its_name(
    server: LocalServer, wiring: Wiring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    if missing == "splink":
        pytest.importorskip("pypinyin", reason="matching is an extra")
    absent = tmp_path / "absent"
    absent.mkdir()
    (absent / f"{missing}.py").write_text(f"raise ModuleNotFoundError('no module', name={missing!r})\n")
    monkeypatch.syspath_prepend(absent)  # the matching process takes over the path
    ingest = ingest_service_pb2_grpc.IngestServiceStub(server.connect("source"))
    sent = [
        record(f"r{n}", identifiers(crm_id=f"C{n}"), attributes={"name": text(f"李明{n}")}) for n in range(12)
    ]
    await ingest.IngestEvents(ingest_service_pb2.IngestEventsRequest(records=sent))
    stub = match_service_pb2_grpc.MatchServiceStub(server.connect("admin"))
    version = (await stub.CreateModel(pb.CreateModelRequest(request_id="m"))).model.version
    run = (await stub.TrainModel(pb.TrainModelRequest(request_id="t", model_version=version))).run
    assert await wiring.match_runs.step()
    done = (await stub.GetMatchRun(pb.GetMatchRunRequest(run_id=run.run_id))).run
    assert done.state == match_pb2.MATCH_RUN_STATE_FAILED
    assert done.failure == f"matching needs the extra huaxiang-identity[matching]: no module '{missing}'"
    assert not await wiring.match_runs.step()
