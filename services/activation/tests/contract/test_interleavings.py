"""Any interleaving of every transaction, with crashes between them, against a model of a provider.

At most one effect for each delivery, every row terminal at the end, and the sums are equal.
"""

import secrets
import tempfile
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from activation.app.accounts import Account, Limits, Timings
from activation.app.campaign_changes import CampaignChanges
from activation.app.campaigns import Campaigns
from activation.app.claiming import Claiming, Permission, Reached
from activation.app.completion import Completion
from activation.app.counting import Counting
from activation.app.deciding import Deciding
from activation.app.planning import Planning
from activation.app.receipts import Receipts
from activation.app.resolving import Resolving, Way
from activation.app.silence import Silence
from activation.app.submitting import Submitting
from activation.app.telling import Telling
from activation.channels.port import (
    Caps,
    Finding,
    Found,
    Idempotency,
    KeyScope,
    Outcome,
    Receipt,
    ReceiptKind,
    ReceiptStatus,
    Verdict,
)
from activation.channels.wire import Callback, WireRequest
from activation.domain.campaign import Draft, State
from activation.domain.delivery import TERMINAL
from activation.main import MIGRATIONS, open_store
from activation.store.sql_batches import SqlBatchStore
from activation.store.sql_campaigns import SqlCampaignStore
from activation.store.sql_ledger import SqlDeliveryLedger
from activation.store.sql_policies import SqlPolicyStore
from activation.store.sql_receipts import SqlOutbox, SqlReceiptInbox
from activation.store.sql_suppressions import SqlSuppressionList
from activation.store.vault import Vault
from hypothesis import given
from hypothesis import strategies as st
from servicekit.clock import ManualClock
from servicekit.database import Database
from servicekit.testing.migrated import SqliteTemplates

NOW = datetime.fromisoformat("2026-06-11T04:00:00+00:00")
PEOPLE = 7
WINDOW_S = 600.0
DRAFT = Draft("c1", "", "snap", "model", "acc", "transactional", "", "", {}, "", 0, "", None, "")
ANSWERS = st.sampled_from(["accepted", "throttled", "lost before", "lost after", "half"])
STEPS = st.sampled_from(
    [
        *("claim", "decide", "write", "send", "result", "crash", "time", "much time", "recover"),
        *(
            "resolve",
            "ask",
            "answer",
            "drop answer",
            "receipt",
            "receipt again",
            "pause",
            "resume",
            "advance",
        ),
    ]
)


@dataclass
class Provider:
    """Class A remembers keys for a window, class B can be asked. A callback's body is a delivery id."""

    clock: ManualClock
    idempotency: Idempotency
    effects: Counter[str] = field(default_factory=Counter)
    seen: dict[str, datetime] = field(default_factory=dict)
    sent_as: set[tuple[str, str]] = field(default_factory=set)

    @property
    def caps(self) -> Caps:
        keyed = self.idempotency is Idempotency.KEYED
        return Caps(
            name="model",
            contact_channel="sms",
            max_batch=3,
            groups_by=(),
            idempotency=self.idempotency,
            key_scope=KeyScope.BATCH,
            keys_from_provider=False,
            max_key_bytes=99,
            receipt=ReceiptKind.PUSH,
            marketing_allowed=True,
            idempotency_window_s=WINDOW_S if keyed else None,
        )

    def validate(self, message: object, targets: object = ()) -> tuple[()]:
        return ()

    def build(self, batch: Any) -> WireRequest:
        ids = tuple(target.delivery_id for target in batch.targets)
        return WireRequest("send", "POST", "/", (), "", b"", ids, (batch.key,) * len(ids))

    def serve(self, wire: WireRequest, how: str) -> tuple[Outcome, ...]:
        """Sends, or not, and answers, or not."""
        if how == "throttled":
            return tuple(Outcome(each, Verdict.RETRY, "BUSY", after_s=1) for each in wire.deliveries)
        if how != "lost before":
            half = (
                len(wire.deliveries) // 2
                if how == "half" and self.idempotency is not Idempotency.KEYED
                else None
            )
            self._send(wire, half)
        if how == "accepted":
            return tuple(
                Outcome(each, Verdict.ACCEPTED, message_id="m" + wire.keys[0]) for each in wire.deliveries
            )
        return tuple(Outcome(each, Verdict.UNKNOWN, "LOST") for each in wire.deliveries)

    def _send(self, wire: WireRequest, only: int | None) -> None:
        key = wire.keys[0]
        first = self.seen.get(key)
        within = first is not None and self.clock.now() < first + timedelta(seconds=WINDOW_S)
        if within and self.idempotency is Idempotency.KEYED:
            return
        self.seen[key] = self.clock.now()
        for each in wire.deliveries[:only]:
            self.effects[each] += 1
            self.sent_as.add((each, key))

    def find(self, wire: WireRequest) -> tuple[Finding, ...]:
        return tuple(
            Finding(each, Found.SENT if (each, wire.keys[0]) in self.sent_as else Found.ABSENT)
            for each in wire.deliveries
        )

    def parse_receipts(self, callback: Callback) -> tuple[Receipt, ...]:
        delivery, key, address = callback.body.decode().split()
        return (
            Receipt(
                dedupe_key=f"{delivery}{key}",
                key=key,
                message_id="",
                address=address,
                status=ReceiptStatus.DELIVERED,
                code="",
                at=self.clock.now(),
            ),
        )

    def parse_inbound(self, callback: Callback) -> tuple[()]:
        return ()


class Story:
    """One campaign, the hands of one worker, and what is on its way."""

    def __init__(self, migrated_url: str, idempotency: Idempotency) -> None:
        self.clock = ManualClock(NOW)
        self.database = Database.open(migrated_url, synchronous="NORMAL")
        changelog = open_store(self.database)
        self.provider = Provider(self.clock, idempotency)
        timings = Timings(settle_s=1.0, poll_s=1.0, polls=2, no_receipt_s=3_600.0)
        self.account = Account("acc", self.provider, "", 100, timings)  # type: ignore[arg-type]
        accounts, vault, limits = {"acc": self.account}, Vault(b"v" * 32), Limits(60.0, 20.0)
        self.store, self.ledger, batches = SqlCampaignStore(), SqlDeliveryLedger(), SqlBatchStore()
        self.outbox = SqlOutbox()
        changes = CampaignChanges(self.store, changelog)
        clock, store, ledger = self.clock, self.store, self.ledger
        telling = Telling(self.outbox, vault, clock, lambda feedback: feedback.record_id.encode())
        policies = SqlPolicyStore()
        counting = Counting(store, ledger, policies, accounts)
        self.campaigns = Campaigns(store, changes, ledger, accounts, policies, vault, clock)
        self.claiming = Claiming(store, ledger, clock, limits)
        self.deciding = Deciding(store, ledger, policies, SqlSuppressionList(), counting, vault, clock)
        self.submitting = Submitting(
            self.campaigns,
            store,
            ledger,
            batches,
            SqlReceiptInbox(),
            accounts,
            vault,
            clock,
            limits,
            lambda: secrets.token_hex(8),
        )
        self.resolving = Resolving(store, ledger, batches, self.submitting, accounts, vault, clock)
        inbox = SqlReceiptInbox()
        new_id = lambda: secrets.token_hex(8)  # noqa: E731
        self.receipts = Receipts(
            inbox, store, ledger, SqlSuppressionList(), telling, accounts, vault, clock, new_id
        )
        self.silence = Silence(store, ledger, batches, telling, accounts, vault, clock)
        self.completion = Completion(store, changes, ledger, clock)
        self.do = self.database.write_now
        self.do(self.campaigns.create, "t1", DRAFT)
        campaign, _ = self.do(self.campaigns.start, "t1", "c1")
        members = [(person, person) for person in range(1, PEOPLE + 1)]
        self.do(Planning(store, changes, ledger, clock).add, campaign, members, last=True)
        self.forget()

    def forget(self) -> None:
        """What a crash leaves of the worker's hands."""
        self.claimed = self.rows = self.written = self.outcomes = self.unresolved = self.late = None

    def step(self, name: str, how: str) -> None:  # noqa: PLR0912  # one branch a step
        match name:
            case "claim" if self.claimed is None:
                self.claimed = self.do(self.claiming.claim, self.account)
            case "decide" if self.claimed is not None and self.rows is None:
                reached = {
                    claim.person_id: Reached(Permission.PERMITTED, f"a{claim.person_id}", claim.person_id)
                    for claim in self.claimed.claims
                }
                self.rows = self.do(self.deciding.decide, self.account, self.claimed, reached)
            case "write" if self.rows and self.written is None:
                self._write()
            case "send" if self.written is not None and self.outcomes is None:
                in_time = self.submitting.in_time(self.written.batch)
                self.outcomes = self.provider.serve(self.written.wire, how) if in_time else ()
            case "result" if self.outcomes is not None:
                if self.outcomes:
                    self.do(self.submitting.result, self.written.batch, self.outcomes)
                self.written = self.outcomes = None
            case "crash":
                self.forget()
            case "time":
                self.clock.advance(timedelta(seconds=3))
            case "much time":
                self.clock.advance(timedelta(seconds=61))
            case "recover":
                self.do(self.submitting.recover)
            case "resolve" if self.unresolved is None:
                for batch_id in self.do(self.resolving.due, 1):
                    self.unresolved = self.do(self.resolving.begin, batch_id, self._reached_still)
            case "ask" if self.unresolved is not None and self.late is None:
                self._ask(how)
            case "answer" if self.late is not None:
                self._answer()
            case "drop answer":
                self.unresolved = self.late = None
            case "receipt" | "receipt again":
                self._receipt()
            case "pause" | "resume" | "advance":
                self._control(name)

    def _reached_still(self, connection: Any, campaign: Any, rows: Any) -> bool:
        reached = {
            row.person_id: Reached(Permission.PERMITTED, f"a{row.person_id}", row.person_id) for row in rows
        }
        return self.deciding.still_reaches(connection, self.account, campaign, rows, reached)

    def _write(self) -> None:
        batch, self.rows = self.rows[:3], self.rows[3:]
        claimed = replace(self.claimed, claims=tuple(row.claim for row in batch))
        built = self.submitting.build(self.account, claimed, batch, ())
        self.written = self.do(
            self.submitting.write,
            self.account,
            claimed,
            built,
            lambda connection: self.deciding.still_allows(connection, self.account, claimed.campaign, batch),
        )
        if self.written is None:
            self.do(self.claiming.give_back, claimed)
        if not self.rows:
            self.claimed = self.rows = None

    def _ask(self, how: str) -> None:
        wire = self.unresolved.wire
        if self.unresolved.way is Way.ASK:
            self.late = self.provider.find(wire)
        elif self.submitting.in_time(self.unresolved.batch):
            self.late = self.provider.serve(wire, how)
        else:
            self.unresolved = None

    def _answer(self) -> None:
        resubmit = self.unresolved.way is Way.RESUBMIT
        store = self.resolving.resubmitted if resubmit else self.resolving.asked
        self.do(store, self.unresolved, self.late)
        self.unresolved = self.late = None

    def _receipt(self) -> None:
        rows = {row.delivery_id: row.person_id for row in self.all_rows()}
        for delivery, key in sorted(self.provider.sent_as)[:2]:
            body = f"{delivery} {key} a{rows[delivery]}".encode()
            self.do(self.receipts.store, "acc", Callback("POST", "", {}, body))
        self.do(self.receipts.apply, 10)

    def _control(self, name: str) -> None:
        state = self.do(self.store.get, "t1", "c1").state
        if name == "pause" and state in {State.RUNNING, State.DRAINING}:
            self.do(self.campaigns.pause, "t1", "c1", "")
        elif name == "resume" and state is State.PAUSED:
            self.do(self.campaigns.resume, "t1", "c1")
        elif name == "advance":
            self.do(self.completion.advance, "t1", "c1")

    def all_rows(self) -> list[Any]:
        return self.do(self.ledger.page, "t1", "c1", None, 0, 100)

    def finish(self) -> None:
        """A quiet provider and no more crashes: everything must come to its end."""
        self.forget()
        for _ in range(200):
            for name in ("resume", "recover", "advance", "claim", "decide", "write", "send", "result"):
                self.step(name, "accepted")
            for name in ("resolve", "ask", "answer", "receipt", "much time"):
                self.step(name, "accepted")
            campaign = self.do(self.store.get, "t1", "c1")
            for silent in self.do(self.silence.end, campaign):
                self.do(self.silence.asked, silent, self.provider.find(silent.wire))
            if campaign.state is State.COMPLETED:
                return
        raise AssertionError(f"never completed: {[row.state.name for row in self.all_rows()]}")


def test_nothing_is_submitted_again_once_the_campaigns_time_is_over(migrated_sqlite_url: str) -> None:
    """Not even where a repeat replaces the first; nor does a paused campaign keep such rows open."""
    story = Story(migrated_sqlite_url, Idempotency.REPLACING)
    for name in ("claim", "decide", "write", "send", "result", "pause"):
        story.step(name, "lost before")
    story.clock.advance(timedelta(hours=25))
    for name in ("resolve", "advance", "advance"):
        story.step(name, "")
    assert story.unresolved is None
    states = Counter(row.state.name for row in story.all_rows())
    story.database.close_now()
    assert states == {"ABANDONED": 3, "EXPIRED": PEOPLE - 3}


@given(
    st.sampled_from([Idempotency.KEYED, Idempotency.QUERYABLE]),
    st.lists(st.tuples(STEPS, ANSWERS), min_size=5, max_size=60),
)
def test_any_interleaving_sends_at_most_once_and_ends(
    sqlite_templates: SqliteTemplates, idempotency: Idempotency, steps: list[tuple[str, str]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        story = Story(sqlite_templates.copy(MIGRATIONS, Path(folder) / "store.db"), idempotency)
        try:
            for name, how in steps:
                story.step(name, how)
            story.finish()
            rows, effects = story.all_rows(), story.provider.effects
            assert max(effects.values(), default=0) <= 1
            assert len(rows) == PEOPLE
            assert {row.state for row in rows} <= TERMINAL
            report = story.do(story.ledger.report, "t1", "c1")
            assert sum(report.by_state.values()) == PEOPLE
            abandoned = sum(row.state.name == "ABANDONED" for row in rows)
            expired = sum(row.state.name == "EXPIRED" for row in rows)
            assert len(effects) + abandoned + expired >= PEOPLE
            told = story.do(story.outbox.oldest, 1_000)
            delivered = sum(row.state.name == "DELIVERED" for row in rows)
            assert len(told) == delivered
        finally:
            story.database.close_now()
