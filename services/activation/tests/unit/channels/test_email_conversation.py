"""Certainly not sent, or perhaps: a mail server that follows a script."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import pytest
from activation.channels.email.batch_smtp import Mail
from activation.channels.email.conversation import Conversation, LostError, Phase, Progress

MAILS = [Mail(b"back@x.example", f"to{at}@y.example".encode(), b"Subject: x\r\n\r\ny\r\n") for at in range(3)]
OK, INPUT, NO = "250 2.0.0 Ok", "354 go on", "550 5.1.1 no such mailbox"
CUT = "cut"


class Script:
    """Answers line by line: the first of its replies for each command, the content being one command."""

    def __init__(self, replies: Sequence[str]) -> None:
        self._left = list(replies)
        self.heard: list[str] = []
        self.over = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        content = False
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while not writer.is_closing():
                line = (await reader.readuntil(b"\r\n")).decode()
                if content and line != ".\r\n":
                    continue
                self.heard.append(line.split()[0])
                reply = self._left.pop(0) if self._left else CUT
                if reply == CUT:
                    writer.transport.abort()
                    break
                content = reply == INPUT
                writer.write(reply.encode() + b"\r\n")
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        self.over.set()


@contextlib.asynccontextmanager
async def talking(replies: Sequence[str], *, pipelining: bool) -> AsyncIterator[tuple[Conversation, Script]]:
    script = Script(replies)
    server = await asyncio.start_server(script.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, host, port)
    conversation = Conversation(transport, pipelining=pipelining)
    yield conversation, script
    conversation.abort()
    await script.over.wait()
    server.close()


def said(progress: Progress) -> list[tuple[int, Phase, int]]:
    return [(place, each.phase, each.reply.code) for place, each in progress.said.items()]


ALL = [OK, OK, INPUT, OK]


@pytest.mark.parametrize("pipelining", [True, False])
async def test_mails_go_one_behind_the_other(pipelining):
    async with talking(ALL * 3, pipelining=pipelining) as (conversation, script):
        progress = Progress([*MAILS])
        await conversation.send(progress)
        assert said(progress) == [(place, Phase.END, 250) for place in range(3)]
        assert conversation.stands
        assert script.heard == ["MAIL", "RCPT", "DATA", "."] * 3


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize(
    ("refusing", "phase"),
    [
        (["550 5.7.1 no", "503 no", "503 no"], Phase.MAIL),
        ([OK, NO, "503 no"], Phase.RCPT),
        ([OK, NO, INPUT, "554 5.5.1 nobody"], Phase.RCPT),
        ([OK, OK, "451 4.3.0 later"], Phase.DATA),
        ([OK, OK, INPUT, "552 5.3.4 too big"], Phase.END),
    ],
)
async def test_a_refusal_concerns_its_mail_alone(pipelining, refusing, phase):
    """Without pipelining nothing is asked behind a refusal, so those replies are left out of the script."""
    asked = (
        refusing
        if pipelining
        else refusing[: [not each.startswith(("2", "3")) for each in refusing].index(True) + 1]
    )
    again = [] if phase is Phase.END or (pipelining and INPUT in refusing) else [OK]  # to RSET
    async with talking([*ALL, *asked, *again, *ALL], pipelining=pipelining) as (conversation, _):
        progress = Progress([*MAILS])
        await conversation.send(progress)
        assert [each[:2] for each in said(progress)] == [(0, Phase.END), (1, phase), (2, Phase.END)]
        assert conversation.stands


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize(
    ("before", "dotted"), [([], False), ([OK], False), ([OK, OK], False), ([OK, OK, INPUT], True)]
)
async def test_a_cut_line_leaves_in_doubt_only_a_mail_whose_dot_was_written(pipelining, before, dotted):
    async with talking([*ALL, *before, CUT], pipelining=pipelining) as (conversation, _):
        progress = Progress([*MAILS])
        with pytest.raises(LostError) as raised:
            await conversation.send(progress)
        assert (raised.value.reason, progress.place, progress.dotted) == ("CUT", 1, dotted)
        assert said(progress) == [(0, Phase.END, 250)]
        assert not conversation.stands


async def test_a_line_that_is_gone_when_input_is_asked_for_leaves_no_doubt():
    async with talking([], pipelining=True) as (conversation, _):
        conversation.data_received(b"250 Ok\r\n250 Ok\r\n354 go on\r\n")
        conversation.abort()
        progress = Progress(MAILS[:1])
        with pytest.raises(LostError):
            await conversation.send(progress)
        assert (progress.said, progress.dotted) == ({}, False)


async def test_a_server_that_goes_down_before_the_end_stops_the_batch():
    async with talking([*ALL, "421 4.7.0 too many", CUT], pipelining=True) as (conversation, _):
        progress = Progress([*MAILS])
        await conversation.send(progress)
        assert (progress.place, progress.dotted) == (1, False)
        assert (progress.stopped.phase, progress.stopped.reply.code) == (Phase.MAIL, 421)


async def test_a_server_that_goes_down_at_the_end_has_said_its_last_word():
    async with talking([OK, OK, INPUT, "421 4.3.2 bye"], pipelining=True) as (conversation, _):
        progress = Progress([*MAILS])
        with pytest.raises(LostError):
            await conversation.send(progress)
        assert said(progress) == [(0, Phase.END, 421)]
        assert (progress.place, progress.dotted) == (1, False)


@pytest.mark.parametrize(
    "reply",
    ["\x1f\x8b<html>", "<html>\r\n250 2.0.0 Ok", "25", "250-first\r\nnonsense", "250-" + "x" * 70_000],
)
async def test_what_is_no_reply_loses_sight(reply):
    async with talking([OK, OK, INPUT, reply], pipelining=True) as (conversation, _):
        progress = Progress(MAILS[:1])
        with pytest.raises(LostError) as raised:
            await conversation.send(progress)
        assert (raised.value.reason, progress.dotted) == ("UNREADABLE", True)


async def test_a_reply_of_many_lines_is_one():
    lines = "250-2.0.0 first\r\n250-second\r\n250 last"
    async with talking([OK, OK, INPUT, lines], pipelining=True) as (conversation, _):
        progress = Progress(MAILS[:1])
        await conversation.send(progress)
        reply = progress.said[0].reply
        assert (reply.code, reply.enhanced, reply.text) == (250, "2.0.0", "2.0.0 first second last")
        assert "first" not in repr(reply)


async def test_what_nobody_asked_for_makes_a_line_useless():
    async with talking([*ALL, OK], pipelining=True) as (conversation, _):
        await conversation.send(Progress(MAILS[:1]))
        assert conversation.stands
        conversation.data_received(b"421 4.4.2 idle too long\r\n")
        assert not conversation.stands
