"""Wires activation: ports meet adapters here and nowhere else."""

import os
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from huaxiang.activation.v1 import (
    campaign_service_pb2,
    campaign_service_pb2_grpc,
    delivery_service_pb2,
    delivery_service_pb2_grpc,
)
from huaxiang.identity.v1 import contact_point_service_pb2, ingest_service_pb2
from servicekit.changelog import Changelog
from servicekit.client import connect
from servicekit.clock import Clock, clock_from
from servicekit.config import read
from servicekit.database import Database
from servicekit.logging import configure
from servicekit.migrations import migrate
from servicekit.principal import KeyFileAuthenticator
from servicekit.revision import Revision
from servicekit.server import Service, ServiceApp, serve
from servicekit.telemetry.export import tracer_from_environment
from servicekit.telemetry.spans import install
from sqlalchemy import Connection

from activation.api import render
from activation.api.campaign_servicer import CampaignServicer
from activation.api.delivery_servicer import DeliveryServicer
from activation.app.campaigns import Account, Campaigns
from activation.app.completion import Completion
from activation.app.deliveries import Deliveries
from activation.app.planning import Planning
from activation.app.receipts import Receipts
from activation.app.resolving import Resolving, Timings
from activation.app.sending import Sending
from activation.channels.aliyun_sms.channel import AliyunSmsAccount, AliyunSmsChannel
from activation.channels.jpush.channel import JpushAccount, JpushChannel
from activation.channels.port import Channel
from activation.channels.transport import Transport
from activation.channels.wechat_template.channel import WechatTemplateChannel
from activation.channels.wechat_template.tokens import WechatAccount
from activation.config import AccountConfig, Config, read_accounts
from activation.store.sql_batches import SqlBatchStore, SqlTokenBucket
from activation.store.sql_campaigns import SqlCampaignStore
from activation.store.sql_ledger import SqlDeliveryLedger
from activation.store.sql_receipts import SqlOutbox, SqlReceiptInbox
from activation.store.vault import Vault
from activation.workers.failpoints import Reach, failpoint
from activation.workers.pace import keep_doing
from activation.workers.planner import Planner
from activation.workers.receipt_server import ReceiptServer
from activation.workers.relay import Relay
from activation.workers.resolver import Resolver
from activation.workers.sender import Sender

SERVICE = "activation"
MIGRATIONS = Path(__file__).parents[2] / "migrations"
LOOK_S = 1.0
Worker = Callable[[], Coroutine[Any, Any, None]]


@dataclass
class _Parts:
    """Everything that is made once."""

    config: Config
    database: Database
    changelog: Changelog
    clock: Clock
    vault: Vault
    accounts: dict[str, Account]
    secrets: dict[str, str]
    identity: grpc.aio.Channel
    segments: grpc.aio.Channel

    def __post_init__(self) -> None:
        self.campaigns_store = SqlCampaignStore()
        self.ledger = SqlDeliveryLedger()
        self.batches = SqlBatchStore()
        self.outbox = SqlOutbox()
        self.reach: Reach = failpoint(self.config.failpoint)
        self.timings = Timings(self.config.settle_s, self.config.poll_s, self.config.no_receipt_s)
        self.campaigns = Campaigns(
            self.campaigns_store, self.ledger, self.accounts, self.changelog, self.vault, self.clock
        )
        self.sending = Sending(
            self.campaigns,
            self.campaigns_store,
            self.ledger,
            self.batches,
            self.vault,
            self.clock,
            _new_id,
        )
        self.receipts = Receipts(
            SqlReceiptInbox(),
            self.outbox,
            self.ledger,
            self.vault,
            self.clock,
            self.accounts,
            self.campaigns_store.tenants,
            render.record,
            _new_id,
        )


async def build() -> ServiceApp:
    """The service as the environment describes it."""
    configure(SERVICE)
    install(tracer_from_environment(SERVICE, os.environ))
    config = read(Config, os.environ)
    authenticator = KeyFileAuthenticator(config.keys)
    configured = read_accounts(config.accounts_file)
    vault, key = Vault(config.secret()), config.service_key()
    clock = clock_from(config.clock)
    database = Database.open(config.store_url, synchronous=config.synchronous)
    migrate(database, MIGRATIONS)
    changelog = Changelog(SERVICE)
    database.write_now(changelog.create)
    transport = Transport()
    parts = _Parts(
        config=config,
        database=database,
        changelog=changelog,
        clock=clock,
        vault=vault,
        accounts={name: _account(each, transport, clock) for name, each in configured.items()},
        secrets={name: each.receipts_secret for name, each in configured.items()},
        identity=connect(
            config.identity_target,
            key=key,
            services=(
                contact_point_service_pb2.DESCRIPTOR.services_by_name["ContactPointService"],
                ingest_service_pb2.DESCRIPTOR.services_by_name["IngestService"],
            ),
        ),
        segments=connect(config.segments_target, key=key),
    )
    server = ReceiptServer(
        database, parts.receipts, parts.accounts, parts.secrets, config.host, config.receipts_port
    )
    await server.start()

    async def close_channels() -> None:
        await parts.identity.close()
        await parts.segments.close()

    return ServiceApp(
        name=SERVICE,
        services=_services(parts),
        authenticator=authenticator,
        port=config.port,
        host=config.host,
        workers=_workers(parts),
        on_stop=(server.stop, transport.close, close_channels, database.close),
    )


def _services(parts: _Parts) -> list[Service]:
    def read_at(connection: Connection) -> Revision:
        head = parts.changelog.head(connection)
        return Revision(SERVICE, head.epoch, head.position, head.position)

    return [
        Service(
            campaign_service_pb2.DESCRIPTOR.services_by_name["CampaignService"],
            campaign_service_pb2_grpc.add_CampaignServiceServicer_to_server,
            CampaignServicer(parts.database, parts.campaigns, read_at),
        ),
        Service(
            delivery_service_pb2.DESCRIPTOR.services_by_name["DeliveryService"],
            delivery_service_pb2_grpc.add_DeliveryServiceServicer_to_server,
            DeliveryServicer(parts.database, Deliveries(parts.campaigns_store, parts.ledger)),
        ),
    ]


def _workers(parts: _Parts) -> list[Worker]:
    database, store, ledger = parts.database, parts.campaigns_store, parts.ledger
    resolving = Resolving(
        store, ledger, parts.batches, parts.vault, parts.clock, parts.accounts, parts.timings
    )
    completion = Completion(store, ledger, parts.clock)
    resolver = Resolver(
        database, parts.sending, resolving, parts.receipts, completion, parts.accounts, parts.timings
    )
    planner = Planner(database, Planning(store, ledger, parts.clock), parts.segments)
    relay = Relay(database, parts.outbox, parts.vault, parts.identity, parts.reach)
    workers: list[Worker] = [
        lambda: keep_doing("planner", planner.round),
        lambda: keep_doing("resolver", resolver.resolve, LOOK_S),
        lambda: keep_doing("receipts", resolver.apply_receipts),
        lambda: keep_doing("completion", resolver.advance, LOOK_S),
        lambda: keep_doing("relay", relay.round),
    ]
    for account in parts.accounts.values():
        sender = Sender(database, parts.sending, account, parts.identity, SqlTokenBucket(), parts.reach)
        workers.append(lambda sender=sender, name=account.name: keep_doing(f"sender {name}", sender.round))  # type: ignore[misc]
    return workers


def _account(configured: AccountConfig, transport: Transport, clock: Clock) -> Account:
    return Account(
        configured.name, _channel(configured, transport, clock), configured.scope, configured.calls_per_s
    )


def _channel(configured: AccountConfig, transport: Transport, clock: Clock) -> Channel:
    """Every channel there is."""
    given = {"base_url": configured.base_url} if configured.base_url else {}
    match configured.channel:
        case "aliyun_sms":
            sms = AliyunSmsAccount(**configured.credentials)
            return AliyunSmsChannel(sms, transport, clock.now, _new_id, **given)
        case "wechat_template":
            wechat = WechatAccount(**configured.credentials)
            return WechatTemplateChannel(wechat, transport, clock.now, **given)
        case _:
            push = JpushAccount(configured.credentials["app_key"], configured.credentials["master_secret"])
            return JpushChannel(push, transport, **given)


def _new_id() -> str:
    return uuid.uuid4().hex


def main() -> int:
    """Serves until told to stop; returns the exit code."""
    return serve(build)
