"""The program: ports, settings, and a log that outlives kill -9."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sandbox.effects import read as read_effects

ONE = {
    "PhoneNumbers": "13800000001",
    "SignName": "华象",
    "TemplateCode": "SMS_2",
    "OutId": "b1",
    "TemplateParam": '{"order": "A1"}',
}


@contextlib.asynccontextmanager
async def program(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sandbox",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.fixture
def settings_file(tmp_path: Path, document) -> Path:
    path = tmp_path / "sandbox.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


async def test_effects_and_memory_outlive_kill_9(tmp_path, settings_file, http, clock):
    clock_file = tmp_path / "clock.json"
    clock_file.write_text(
        json.dumps({"machine_epoch_s": 0, "suite_epoch_s": clock.at, "speed": 0}), encoding="utf-8"
    )
    arguments = (
        "--data",
        str(tmp_path / "data"),
        "--settings",
        str(settings_file),
        "--clock",
        str(clock_file),
    )
    ask = {"grant_type": "client_credential", "appid": "wx-test", "secret": "wechat-test-only"}
    content = {
        "touser": "o1",
        "template_id": "T1",
        "data": {"thing": {"value": "包裹"}},
        "client_msg_id": "d1",
    }
    answers = []
    for _ in range(2):
        async with program(*arguments) as process:
            ports = json.loads(await process.stdout.readline())["ports"]
            assert json.loads((tmp_path / "data" / "ports.json").read_text()) == ports
            base = f"http://127.0.0.1:{ports['wechat']}/cgi-bin"
            async with http.post(f"{base}/stable_token", json=ask) as answer:
                token = (await answer.json())["access_token"]
            async with http.post(
                f"{base}/message/template/send?access_token={token}", json=content
            ) as answer:
                answers.append(await answer.json())
            process.send_signal(signal.SIGKILL)
            await process.wait()
    assert answers[0]["errcode"] == 0
    assert answers[0] == answers[1]
    (effect,) = read_effects(tmp_path / "data")
    assert (effect.key, effect.at_epoch_s) == ("d1", clock.at)


async def test_a_taken_port_is_named(tmp_path, settings_file):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        arguments = ("--data", str(tmp_path / "d"), "--settings", str(settings_file), "--port", str(port))
        async with program(*arguments) as process:
            _, errors = await process.communicate()
    assert process.returncode == 3
    assert f"port {port} for admin cannot be used" in errors.decode()


async def test_every_problem_of_the_settings_is_told_at_once(tmp_path, settings_file, document):
    del document["aliyun_sms"]["accounts"][0]["access_key_secret"]
    document["wechat"]["templates"][0]["marketing"] = "no"
    document["colour"] = "red"
    settings_file.write_text(json.dumps(document), encoding="utf-8")
    async with program("--data", str(tmp_path / "d"), "--settings", str(settings_file)) as process:
        _, errors = await process.communicate()
    assert process.returncode == 2
    told = errors.decode()
    assert "aliyun_sms.accounts[0].access_key_secret must be text" in told
    assert "wechat.templates[0].marketing must be true or false" in told
    assert "colour is not known here" in told


async def test_the_door_pages_through_the_effects(http, sandbox, aliyun):
    for out_id in ("b1", "b2", "b3"):
        await aliyun(sandbox, "SendSms", ONE | {"OutId": out_id})
    url = sandbox.url("admin") + "/sandbox/effects"
    async with http.get(url, params={"limit": 2}) as answer:
        first = await answer.json()
    async with http.get(url, params={"limit": 2, "after": first["next"]}) as answer:
        second = await answer.json()
    assert [row["key"] for row in first["effects"] + second["effects"]] == ["b1", "b2", "b3"]
    assert second["next"] is None
    async with http.get(url, params={"key": "b2"}) as answer:
        assert [row["key"] for row in (await answer.json())["effects"]] == ["b2"]
    async with http.get(sandbox.url("admin") + "/sandbox/status") as answer:
        assert (await answer.json())["effects"] == {"aliyun_sms": 3}
    async with http.get(url, params={"limit": 0}) as answer:
        assert answer.status == 400


async def test_sigterm_ends_it_in_order(tmp_path, settings_file):
    async with program("--data", str(tmp_path / "d"), "--settings", str(settings_file)) as process:
        await process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            assert await process.wait() == 0


async def test_what_breaks_in_the_background_ends_the_program(sandbox, monkeypatch):
    def broken() -> float:
        raise RuntimeError("broken")

    monkeypatch.setattr(sandbox.reports, "_pause_s", broken)
    with pytest.raises(RuntimeError, match="broken"):
        async with asyncio.timeout(60):
            await sandbox.serve(asyncio.Event())


async def test_the_log_is_readable_while_it_runs_and_after_its_end(make, aliyun, tmp_path):
    async with make() as sandbox:
        await aliyun(sandbox, "SendSms", ONE)
        assert [effect.key for effect in read_effects(tmp_path / "sandbox")] == ["b1"]
        assert list(read_effects(tmp_path / "sandbox", provider="wechat")) == []
    assert [effect.key for effect in read_effects(tmp_path / "sandbox", key="b1")] == ["b1"]
