"""PullSmsSendStatusByPhoneNumber: what carriers reported of one number, matched by SessionContext, the batch's key.

A message shows only when its carrier has reported on it, which a phone that is off puts off for days; and
SessionContext shows only for accounts that asked Tencent for it. So a message that is not shown was not sent only
after REPORTED_WITHIN, and only where no row of unknown context could be it.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from activation.channels import answers
from activation.channels.port import Finding, Found, ReceiptStatus
from activation.channels.tencent_sms.pace import Pace
from activation.channels.transport import Deadline, HttpReply, NotSentError, UnansweredError
from activation.channels.wire import WireRequest

ACTION = "PullSmsSendStatusByPhoneNumber"
MAX_ROWS = 100
REPORTED_WITHIN = timedelta(hours=72)
KEPT = timedelta(days=7)
CLOCK_MARGIN = timedelta(minutes=10)
"""Their clock beside ours."""
PARALLEL = 8
TOO_MANY_ROWS, TOO_OLD, TOO_MANY_QUESTIONS = "TOO_MANY_ROWS", "TOO_OLD", "TOO_MANY_QUESTIONS"
NOT_REPORTED_YET, NO_SESSION_CONTEXT = "NOT_REPORTED_YET", "NO_SESSION_CONTEXT"
_STATUS = {"SUCCESS": ReceiptStatus.DELIVERED, "FAIL": ReceiptStatus.FAILED}

Row = Mapping[str, object]
Call = Callable[[str, Mapping[str, object], Deadline], Awaitable[HttpReply]]


class SendStatuses:
    """Asks once per number, a few numbers at a time."""

    def __init__(self, call: Call, now: Callable[[], datetime], sdk_app_id: str) -> None:
        self._call = call
        self._now = now
        self._sdk_app_id = sdk_app_id
        self._pace = Pace()

    async def find(
        self, wire: WireRequest, submitted_at: datetime, deadline: Deadline
    ) -> tuple[Finding, ...]:
        gate = asyncio.Semaphore(PARALLEL)

        async def one(delivery: str, key: str, phone: str) -> Finding:
            async with gate:
                return await self._find_one(delivery, key, phone, submitted_at, deadline)

        rows = zip(wire.deliveries, wire.keys, _phones(wire), strict=True)
        return tuple(await asyncio.gather(*(one(*row) for row in rows)))

    async def _find_one(
        self, delivery: str, key: str, phone: str, submitted_at: datetime, deadline: Deadline
    ) -> Finding:
        asked = {
            "BeginTime": int((submitted_at - CLOCK_MARGIN).timestamp()),
            "Offset": 0,
            "Limit": MAX_ROWS,
            "PhoneNumber": phone,
            "SmsSdkAppId": self._sdk_app_id,
        }
        try:
            await self._turn(deadline)
            rows = _rows(await self._call(ACTION, asked, deadline))
        except (NotSentError, UnansweredError, UnansweredQueryError) as error:
            return Finding(delivery, Found.UNANSWERED, code=str(error))
        for row in rows:
            if row.get("SessionContext") == key:
                status = _STATUS.get(str(row.get("ReportStatus")))
                said, serial = str(row.get("Description") or ""), str(row.get("SerialNo") or "")
                return Finding(delivery, Found.SENT, status, said, serial)
        doubt = self._doubt(rows, submitted_at)
        return Finding(delivery, Found.UNANSWERED if doubt else Found.ABSENT, code=doubt)

    async def _turn(self, deadline: Deadline) -> None:
        """Raises UnansweredQueryError when the turn would come too late."""
        wait_s = self._pace.turn(time.monotonic())
        if wait_s >= deadline.left_s():
            raise UnansweredQueryError(TOO_MANY_QUESTIONS)
        if wait_s:
            await asyncio.sleep(wait_s)

    def _doubt(self, rows: Sequence[Row], submitted_at: datetime) -> str:
        """Why a message that is not shown may have been sent all the same; empty when it was not."""
        if len(rows) >= MAX_ROWS:
            return TOO_MANY_ROWS
        if not all(row.get("SessionContext") for row in rows):
            return NO_SESSION_CONTEXT
        age = self._now() - submitted_at
        if age >= KEPT - CLOCK_MARGIN:
            return TOO_OLD
        return NOT_REPORTED_YET if age < REPORTED_WITHIN else ""


class UnansweredQueryError(Exception):
    """The query gave no answer; the message says why."""


def _rows(reply: HttpReply) -> list[Row]:
    """Raises UnansweredQueryError."""
    try:
        response: Any = answers.content(reply)["Response"]
        rows = response["PullSmsSendStatusSet"] if "Error" not in response else None
    except (KeyError, TypeError) as error:
        raise UnansweredQueryError("UNREADABLE") from error
    if rows is None:
        refusal = response["Error"]
        raise UnansweredQueryError(str(refusal.get("Code")) if isinstance(refusal, dict) else "UNREADABLE")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UnansweredQueryError("UNREADABLE")
    return rows


def _phones(wire: WireRequest) -> list[str]:
    """The numbers of the stored request, in the order of its deliveries."""
    return [str(phone) for phone in json.loads(wire.body)["PhoneNumberSet"]]
