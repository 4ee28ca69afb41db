"""The channel that docs/channels.md writes in sixty lines is one."""

import asyncio
import importlib
import json
import re
import uuid
from pathlib import Path

import pytest
from activation.channels.port import Batch, Message, MessageClass, Scope, Target, Verdict
from activation.channels.transport import Transport

PAGE = Path(__file__).parents[5] / "docs" / "channels.md"
IMPORTS = """
import json
from collections.abc import Sequence
from activation.channels import answers, sms
from activation.channels.error_table import load
from activation.channels.port import *
from activation.channels.port import Callback, CallbackAnswer, WireRequest
from activation.channels.transport import NotSentError, Transport, UnansweredError
"""
ERRORS = "codes: {no_such_number: {verdict: rejected, scope: recipient}}"


@pytest.fixture
def channel_class(tmp_path, monkeypatch):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(code.splitlines()) <= 60
    name = "pigeon_" + uuid.uuid4().hex
    folder = tmp_path / name
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "errors.yaml").write_text(ERRORS)
    (folder / "channel.py").write_text(IMPORTS + code)
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.import_module(f"{name}.channel").PigeonChannel


@pytest.mark.parametrize(
    ("answer", "verdict", "scope"),
    [
        (b'{"code": "ok", "id": "m1"}', Verdict.ACCEPTED, None),
        (b'{"code": "no_such_number"}', Verdict.REJECTED, Scope.RECIPIENT),
        (b'{"code": "never seen"}', Verdict.UNKNOWN, None),
        (b"[]", Verdict.UNKNOWN, None),
    ],
)
async def test_it_does_what_the_port_asks(channel_class, answer, verdict, scope):
    asked = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"Content-Length: (\d+)", head)[1])
        asked.append(json.loads(await reader.readexactly(length)))
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(answer))
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, Transport() as transport:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        channel = channel_class("token", transport, url)
        message = Message(MessageClass.TRANSACTIONAL, parameters={"text": "到店"})
        target = Target("d1", "k1", "+8613800000001")
        assert channel.validate(message, [target]) == ()
        (outcome,) = await channel.submit(channel.build(Batch("k1", message, (target,))), 5.0)
    assert (outcome.verdict, outcome.scope) == (verdict, scope)
    assert asked == [{"to": "+8613800000001", "key": "k1", "text": "到店"}]
