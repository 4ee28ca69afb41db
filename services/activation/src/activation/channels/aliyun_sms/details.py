"""QuerySendDetails: what Aliyun sent to one number on one day, matched by OutId."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from activation.channels import answers
from activation.channels.port import Finding, Found, ReceiptStatus
from activation.channels.sms import CHINA
from activation.channels.transport import Deadline, HttpReply, NotSentError, UnansweredError
from activation.channels.wire import WireRequest

ACTION = "QuerySendDetails"
PAGE_ROWS = 50
MAX_PAGES = 20
TOO_MANY_ROWS = "TOO_MANY_ROWS"
PARALLEL = 8
MIDNIGHT_MARGIN = timedelta(minutes=10)
_STATUS = {2: ReceiptStatus.FAILED, 3: ReceiptStatus.DELIVERED}

Call = Callable[[str, Sequence[tuple[str, str]], str, bytes, Deadline], Awaitable[HttpReply]]


class SendDetails:
    """Asks once per number, a few numbers at a time."""

    def __init__(self, call: Call) -> None:
        self._call = call

    async def find(
        self, wire: WireRequest, submitted_at: datetime, deadline: Deadline
    ) -> tuple[Finding, ...]:
        gate = asyncio.Semaphore(PARALLEL)
        days = _days(submitted_at)

        async def one(delivery: str, key: str, phone: str) -> Finding:
            async with gate:
                return await self._find_one(delivery, key, phone, days, deadline)

        rows = zip(wire.deliveries, wire.keys, _phones(wire), strict=True)
        return tuple(await asyncio.gather(*(one(*row) for row in rows)))

    async def _find_one(
        self, delivery: str, key: str, phone: str, days: Sequence[str], deadline: Deadline
    ) -> Finding:
        for day in days:
            for page in range(1, MAX_PAGES + 1):
                try:
                    rows = await self._page(phone, day, page, deadline)
                except UnansweredQueryError as error:
                    return Finding(delivery, Found.UNANSWERED, code=str(error))
                for row in rows:
                    if row.get("OutId") == key:
                        return _finding(delivery, row)
                if len(rows) < PAGE_ROWS:
                    break
            else:
                return Finding(delivery, Found.UNANSWERED, code=TOO_MANY_ROWS)
        return Finding(delivery, Found.ABSENT)

    async def _page(self, phone: str, day: str, page: int, deadline: Deadline) -> list[Mapping[str, object]]:
        query = (
            ("CurrentPage", str(page)),
            ("PageSize", str(PAGE_ROWS)),
            ("PhoneNumber", phone),
            ("SendDate", day),
        )
        try:
            reply = await self._call(ACTION, query, "", b"", deadline)
            content: Any = answers.content(reply)
            code = content["Code"]
            rows = content["SmsSendDetailDTOs"]["SmsSendDetailDTO"] if code == "OK" else None
        except (NotSentError, UnansweredError) as error:
            raise UnansweredQueryError(str(error)) from error
        except (KeyError, TypeError) as error:
            raise UnansweredQueryError("UNREADABLE") from error
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise UnansweredQueryError(str(code))
        return rows


class UnansweredQueryError(Exception):
    """The query gave no answer; the message says why."""


def _finding(delivery: str, row: Mapping[str, object]) -> Finding:
    status = row.get("SendStatus")
    known = _STATUS.get(status) if isinstance(status, int) else None
    return Finding(delivery, Found.SENT, known, str(row.get("ErrCode") or ""))


def _phones(wire: WireRequest) -> list[str]:
    """The numbers of the stored request, in the order of its deliveries."""
    form = parse_qs(wire.body.decode())
    return [str(phone) for phone in json.loads(form["PhoneNumberJson"][0])]


def _days(submitted_at: datetime) -> list[str]:
    """The day in China; its neighbour too when the submission was close to midnight."""
    moments = (submitted_at, submitted_at - MIDNIGHT_MARGIN, submitted_at + MIDNIGHT_MARGIN)
    days = [moment.astimezone(CHINA).strftime("%Y%m%d") for moment in moments]
    return list(dict.fromkeys(days))
