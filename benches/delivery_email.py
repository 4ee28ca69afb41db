"""Mails through the e-mail channel to the sandbox's mail server in a process of its own, with and without own DKIM."""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from activation.channels.email.channel import EmailAccount, EmailChannel
from activation.channels.email.templates import MailTemplate
from activation.channels.port import Batch, Message, MessageClass, Target, Verdict
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from benches.measure import cpu_s, write

MAILS = 10_000
IN_FLIGHT = 16
"""Batches at once, as a worker sends them."""
KEY_BITS = 2_048
TIMEOUT_S = 60.0
SENTENCE = "华象商城新品上市，欢迎到店体验。"
TEMPLATES = {
    "T": MailTemplate(
        "${name}，新品上市",
        "${name}，您好！" + SENTENCE * 20,
        f'<h1>${{name}}</h1>{f"<p>{SENTENCE}</p>" * 30}<a href="${{unsubscribe_url}}">退订</a>',
    )
}
MESSAGE = Message(MessageClass.MARKETING, "T")


@asynccontextmanager
async def mail_server(folder: Path) -> AsyncIterator[tuple[str, int]]:
    """(URL, process id)"""
    settings = folder / "sandbox.json"
    settings.write_text(json.dumps({"smtp": {"accounts": [{"username": "bench", "password": "bench"}]}}))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sandbox", "--data", str(folder), "--settings", str(settings)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    ports = json.loads(await process.stdout.readline())["ports"]
    try:
        yield f"smtp://127.0.0.1:{ports['smtp']}", process.pid
    finally:
        process.terminate()
        await process.wait()


def batch(first: int, size: int) -> Batch:
    """Each mail with a name and a URL of its own."""
    targets = []
    for number in range(first, first + size):
        own = {"name": f"王{number}", "unsubscribe_url": f"https://go.example/u/{number}"}
        key = f"{number:032x}"
        targets.append(Target(key, key, f"person-{number}@mailbox.example", own))
    return Batch("bench", MESSAGE, tuple(targets))


async def sent(signed: bool, mails: int = MAILS) -> dict[str, float]:
    """Mails a second from template to the server's consent, requests dumped as for storage; CPU milliseconds a mail
    here and at the server."""
    key = rsa.generate_private_key(65_537, KEY_BITS)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    own = {"dkim_selector": "s1", "dkim_key": pem} if signed else {}
    account = EmailAccount("华象商城 <news@mail.example>", "bench", "bench", "bounce@back.example", **own)
    gate = asyncio.Semaphore(IN_FLIGHT)
    with tempfile.TemporaryDirectory() as folder:
        async with mail_server(Path(folder)) as (url, server):
            channel = EmailChannel(account, TEMPLATES, lambda: datetime.now(UTC), url)

            async def one(first: int) -> None:
                async with gate:
                    wire = channel.build(batch(first, min(channel.caps.max_batch, mails - first)))
                    wire.dump()
                    outcomes = await channel.submit(wire, TIMEOUT_S)
                assert {each.verdict for each in outcomes} == {Verdict.ACCEPTED}

            await one(0)
            wall, cpu, server_cpu = time.perf_counter(), time.process_time(), cpu_s(server)
            await asyncio.gather(*(one(first) for first in range(0, mails, channel.caps.max_batch)))
            took_s = time.perf_counter() - wall
            figures = {
                "per_s": mails / took_s,
                "cpu_ms": (time.process_time() - cpu) / mails * 1_000,
                "server_cpu_ms": (cpu_s(server) - server_cpu) / mails * 1_000,
            }
            await channel.close()
    return {name: round(figure, 3) for name, figure in figures.items()}


def main() -> None:
    """Writes benches/results/delivery_email.json."""
    plain, signed = asyncio.run(sent(False)), asyncio.run(sent(True))
    sizes = {"mails": MAILS, "mail_bytes": len(mail()), "dkim_bits": KEY_BITS}
    print(write("delivery_email", 0, sizes, {"plain": plain, "dkim": signed}))


def mail() -> bytes:
    """One mail with its envelope."""
    channel = EmailChannel(
        EmailAccount("news@mail.example"), TEMPLATES, lambda: datetime.now(UTC), "smtp://mx"
    )
    return channel.build(batch(0, 1)).body
