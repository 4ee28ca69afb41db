"""Wires activation: ports meet adapters here and nowhere else."""

import os
import uuid
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import grpc
from huaxiang.activation.v1 import (
    campaign_service_pb2,
    campaign_service_pb2_grpc,
    delivery_service_pb2,
    delivery_service_pb2_grpc,
    policy_service_pb2,
    policy_service_pb2_grpc,
    suppression_service_pb2,
    suppression_service_pb2_grpc,
)
from huaxiang.activation.v1 import privacy_service_pb2 as own_privacy_service_pb2
from huaxiang.activation.v1 import privacy_service_pb2_grpc as own_privacy_service_pb2_grpc
from huaxiang.identity.v1 import contact_point_service_pb2, ingest_service_pb2, privacy_service_pb2
from huaxiang.segments.v1 import segment_use_service_pb2, snapshot_service_pb2
from huaxiang.tagging.v1 import tag_use_service_pb2
from servicekit.changelog import Changelog
from servicekit.client import connect
from servicekit.clock import Clock, clock_from
from servicekit.config import ConfigError, read
from servicekit.database import Database
from servicekit.logging import configure
from servicekit.migrations import migrate
from servicekit.principal import KeyFileAuthenticator
from servicekit.retention import keep_trimmed
from servicekit.revision import Revision
from servicekit.server import PortInUse, Service, ServiceApp, serve
from servicekit.telemetry.export import tracer_from_environment
from servicekit.telemetry.spans import install
from sqlalchemy import Connection

from activation.api import render
from activation.api.campaign_servicer import CampaignServicer
from activation.api.delivery_servicer import DeliveryServicer
from activation.api.policy_servicer import PolicyServicer
from activation.api.privacy_servicer import PrivacyServicer
from activation.api.suppression_servicer import SuppressionServicer
from activation.app.accounts import Account, Limits
from activation.app.campaign_changes import CampaignChanges
from activation.app.campaigns import Campaigns
from activation.app.claiming import Claiming
from activation.app.completion import Completion
from activation.app.counting import Counting
from activation.app.deciding import Deciding
from activation.app.deliveries import Deliveries
from activation.app.export_person_data import ExportPersonData
from activation.app.planning import Planning
from activation.app.policies import Policies
from activation.app.reach import EstimateReach
from activation.app.receipts import Receipts
from activation.app.resolving import Resolving
from activation.app.silence import Silence
from activation.app.submitting import Submitting
from activation.app.suppressions import Suppressions
from activation.app.telling import Telling
from activation.channels.aliyun_sms.channel import AliyunSmsAccount, AliyunSmsChannel
from activation.channels.apns.channel import ApnsChannel
from activation.channels.apns.tokens import ApnsAccount
from activation.channels.email.channel import EmailAccount, EmailChannel
from activation.channels.email.templates import read_templates
from activation.channels.fcm.channel import FcmChannel
from activation.channels.fcm.tokens import FcmAccount
from activation.channels.getui.channel import GetuiChannel
from activation.channels.getui.tokens import GetuiAccount
from activation.channels.jpush.channel import JpushAccount, JpushChannel
from activation.channels.phone_makers import REGISTERED, Registered
from activation.channels.port import Channel
from activation.channels.tencent_sms.channel import TencentSmsAccount, TencentSmsChannel
from activation.channels.transport import Transport
from activation.channels.webhook.channel import WebhookAccount, WebhookChannel
from activation.channels.wechat.official_account import WechatAccount
from activation.channels.wechat_customer_service.channel import WechatCustomerServiceChannel
from activation.channels.wechat_mass.channel import WechatMassChannel
from activation.channels.wechat_subscription.channel import WechatSubscriptionChannel
from activation.channels.wechat_template.channel import WechatTemplateChannel
from activation.config import AccountConfig, Config, read_accounts
from activation.store.sql_batches import SqlBatchStore, SqlTokenBucket
from activation.store.sql_campaigns import SqlCampaignStore
from activation.store.sql_forgetting import SqlForgetting, SqlPersonDeliveries
from activation.store.sql_ledger import SqlDeliveryLedger
from activation.store.sql_policies import SqlPolicyStore
from activation.store.sql_receipts import SqlOutbox, SqlReceiptInbox
from activation.store.sql_suppressions import SqlSuppressionList
from activation.store.vault import Vault
from activation.workers.contact_points import ContactPoints
from activation.workers.erasures import Erasures
from activation.workers.failpoints import Reach, failpoint
from activation.workers.pace import keep_doing
from activation.workers.planner import Planner
from activation.workers.receipt_server import ReceiptServer
from activation.workers.relay import Relay
from activation.workers.resolver import Resolver
from activation.workers.second_permission import SecondPermission
from activation.workers.sender import Sender
from activation.workers.snapshots import SegmentsSnapshots
from activation.workers.tag_use import LOOK_S as TAG_USE_LOOK_S
from activation.workers.tag_use import TagUse
from activation.workers.turns import Turns

SERVICE = "activation"
MIGRATIONS = Path(__file__).parent / "migrations"
LOOK_S = 1.0
"""Between two looks for what time alone brings about, at most; machine time."""
Worker = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class Neighbours:
    """Channels to the services on the left, with the key of the role service. Without one to tagging nobody is told
    which segments campaigns use."""

    identity: grpc.aio.Channel
    segments: grpc.aio.Channel
    tagging: grpc.aio.Channel | None = None

    async def close(self) -> None:
        await self.identity.close()
        await self.segments.close()
        if self.tagging is not None:
            await self.tagging.close()


@dataclass(frozen=True)
class Wiring:
    """A store with everything that serves it."""

    database: Database
    changelog: Changelog
    services: tuple[Service, ...]
    workers: tuple[Worker, ...]
    receipt_server: ReceiptServer


def open_store(database: Database) -> Changelog:
    """Brings the store to this release's schema. Raises DataNewer."""
    migrate(database, MIGRATIONS)
    changelog = Changelog(SERVICE)
    database.write_now(changelog.create)
    return changelog


def wire(
    database: Database,
    vault: Vault,
    clock: Clock,
    accounts: Mapping[str, Account],
    receipts_secrets: Mapping[str, str],
    neighbours: Neighbours,
    *,
    limits: Limits | None = None,
    reach: Reach = failpoint(None),  # noqa: B008 - a function without state
    receipts_host: str = "127.0.0.1",
    receipts_port: int = 0,
) -> Wiring:
    """Joins ports and adapters. Raises DataNewer."""
    limits = limits or Limits()
    changelog = open_store(database)
    store, ledger, batches = SqlCampaignStore(), SqlDeliveryLedger(), SqlBatchStore()
    inbox, outbox, snapshots = SqlReceiptInbox(), SqlOutbox(), SegmentsSnapshots(neighbours.segments)
    changes, policies = CampaignChanges(store, changelog), SqlPolicyStore()
    campaigns = Campaigns(store, changes, ledger, accounts, policies, vault, clock)
    claiming = Claiming(store, ledger, clock, limits)
    suppressions = SqlSuppressionList()
    counting = Counting(store, ledger, policies, accounts)
    deciding = Deciding(store, ledger, policies, suppressions, counting, vault, clock)
    submitting = Submitting(campaigns, store, ledger, batches, inbox, accounts, vault, clock, limits, _new_id)
    telling = Telling(outbox, vault, clock, render.record)
    receipts = Receipts(inbox, store, ledger, suppressions, telling, accounts, vault, clock, _new_id)
    turns = {name: Turns(database, SqlTokenBucket(), each, clock) for name, each in accounts.items()}
    resolving = Resolving(store, ledger, batches, submitting, accounts, vault, clock)
    resolver = Resolver(
        database,
        resolving,
        SecondPermission(database, resolving, deciding, accounts, ContactPoints(neighbours.identity)),
        receipts,
        Silence(store, ledger, batches, telling, accounts, vault, clock),
        Completion(store, changes, ledger, clock),
        accounts,
        turns,
        limits,
        reach,
    )
    planner = Planner(database, Planning(store, changes, ledger, clock), snapshots, reach)
    relay = Relay(database, outbox, vault, neighbours.identity, reach)
    senders = [
        Sender(
            database,
            claiming,
            deciding,
            submitting,
            campaigns,
            account,
            ContactPoints(neighbours.identity),
            turns[account.name],
            limits,
            reach,
        )
        for account in accounts.values()
    ]
    erasures = Erasures(database, SqlForgetting(ledger, clock), neighbours.identity)
    workers: list[Worker] = [
        partial(keep_doing, "planner", planner.round),
        partial(keep_doing, "resolver", resolver.resolve, LOOK_S),
        partial(keep_doing, "receipts", resolver.apply_receipts),
        partial(keep_doing, "completion", resolver.advance, LOOK_S),
        partial(keep_doing, "silence", resolver.end_silence, LOOK_S),
        partial(keep_doing, "relay", relay.round),
        partial(keep_doing, "erasures", erasures.round, LOOK_S),
        partial(keep_trimmed, database, changelog),
    ]
    if neighbours.tagging is not None:
        tag_use = TagUse(database, store, neighbours.segments, neighbours.tagging)
        workers.append(partial(keep_doing, "tag use", tag_use.round, TAG_USE_LOOK_S))
    workers += [
        partial(keep_doing, f"sender {name}", sender.round)
        for name, sender in zip(accounts, senders, strict=True)
    ]
    return Wiring(
        database,
        changelog,
        _services(
            database,
            campaigns,
            Deliveries(store, ledger, policies, counting),
            Policies(policies, changelog, clock),
            Suppressions(suppressions, changelog, vault, clock),
            snapshots,
            EstimateReach(
                database, campaigns, deciding, snapshots, ContactPoints(neighbours.identity), accounts, clock
            ),
            changelog,
        ),
        tuple(workers),
        ReceiptServer(database, receipts, accounts, receipts_secrets, receipts_host, receipts_port, reach),
    )


def _services(
    database: Database,
    campaigns: Campaigns,
    deliveries: Deliveries,
    policies: Policies,
    suppressions: Suppressions,
    snapshots: SegmentsSnapshots,
    estimate_reach: EstimateReach,
    changelog: Changelog,
) -> tuple[Service, ...]:
    def read_at(connection: Connection) -> Revision:
        head = changelog.head(connection)
        return Revision(SERVICE, head.epoch, head.position, head.position)

    return (
        Service(
            campaign_service_pb2.DESCRIPTOR.services_by_name["CampaignService"],
            campaign_service_pb2_grpc.add_CampaignServiceServicer_to_server,
            CampaignServicer(database, campaigns, snapshots, estimate_reach, read_at),
        ),
        Service(
            delivery_service_pb2.DESCRIPTOR.services_by_name["DeliveryService"],
            delivery_service_pb2_grpc.add_DeliveryServiceServicer_to_server,
            DeliveryServicer(database, deliveries),
        ),
        Service(
            policy_service_pb2.DESCRIPTOR.services_by_name["PolicyService"],
            policy_service_pb2_grpc.add_PolicyServiceServicer_to_server,
            PolicyServicer(database, policies, read_at),
        ),
        Service(
            suppression_service_pb2.DESCRIPTOR.services_by_name["SuppressionService"],
            suppression_service_pb2_grpc.add_SuppressionServiceServicer_to_server,
            SuppressionServicer(database, suppressions),
        ),
        Service(
            own_privacy_service_pb2.DESCRIPTOR.services_by_name["PrivacyService"],
            own_privacy_service_pb2_grpc.add_PrivacyServiceServicer_to_server,
            PrivacyServicer(ExportPersonData(database, SqlPersonDeliveries())),
        ),
    )


async def build() -> ServiceApp:
    """The service as the environment describes it. Raises what `serve` explains."""
    configure(SERVICE)
    config = read(Config, os.environ)
    configured, secret, key = _read_files(config)
    try:
        install(tracer_from_environment(SERVICE, os.environ))
        authenticator = KeyFileAuthenticator(config.keys)
        clock = clock_from(config.clock)
        database = Database.open(config.store_url, synchronous=config.synchronous, alone=True)
    except ValueError as error:
        raise ConfigError([str(error)]) from error
    transport, neighbours = Transport(), _neighbours(config, key)
    accounts = {name: make_account(each, transport, clock) for name, each in configured.items()}
    wiring = wire(
        database,
        Vault(secret),
        clock,
        accounts,
        {name: each.receipts_secret for name, each in configured.items()},
        neighbours,
        limits=Limits(config.lease_s, config.submit_timeout_s),
        reach=failpoint(config.failpoint),
        receipts_host=config.host,
        receipts_port=config.receipts_port,
    )
    try:
        await wiring.receipt_server.start()
    except OSError as error:
        raise PortInUse(config.host, config.receipts_port) from error
    return ServiceApp(
        name=SERVICE,
        services=wiring.services,
        authenticator=authenticator,
        port=config.port,
        host=config.host,
        workers=wiring.workers,
        on_stop=(
            wiring.receipt_server.stop,
            *(each.channel.close for each in accounts.values()),
            transport.close,
            neighbours.close,
            database.close,
        ),
    )


def _read_files(config: Config) -> tuple[dict[str, AccountConfig], bytes, str]:
    """(accounts, master secret, key for the left). Raises ConfigError that names the faults of all three."""
    problems: list[str] = []

    def tried(reading: Callable[[], Any], otherwise: Any) -> Any:
        try:
            return reading()
        except ConfigError as error:
            problems.extend(error.problems)
            return otherwise

    accounts = tried(lambda: read_accounts(config.accounts_file, config.timings), {})
    secret, key = tried(config.secret, b""), tried(config.service_key, "")
    if problems:
        raise ConfigError(problems)
    return accounts, secret, key


def _neighbours(config: Config, key: str) -> Neighbours:
    identity = (
        contact_point_service_pb2.DESCRIPTOR.services_by_name["ContactPointService"],
        ingest_service_pb2.DESCRIPTOR.services_by_name["IngestService"],
        privacy_service_pb2.DESCRIPTOR.services_by_name["PrivacyService"],
    )
    segments = (
        snapshot_service_pb2.DESCRIPTOR.services_by_name["SnapshotService"],
        segment_use_service_pb2.DESCRIPTOR.services_by_name["SegmentUseService"],
    )
    tagging = (tag_use_service_pb2.DESCRIPTOR.services_by_name["TagUseService"],)
    return Neighbours(
        identity=connect(config.identity_target, key=key, services=identity),
        segments=connect(config.segments_target, key=key, services=segments),
        tagging=connect(config.tagging_target, key=key, services=tagging),
    )


def make_account(configured: AccountConfig, transport: Transport, clock: Clock) -> Account:
    """An account with its channel. Raises ConfigError when the channel cannot use what the account states."""
    given = {"base_url": configured.base_url} if configured.base_url else {}
    try:
        channel = _MAKERS[configured.channel](configured.credentials, given, transport, clock)
    except ValueError as error:
        raise ConfigError([f"accounts.{configured.name}.{error}"]) from error
    return Account(configured.name, channel, configured.scope, configured.calls_per_s, configured.timings)


Stated = Mapping[str, str]


def _aliyun_sms(credentials: Stated, given: Stated, transport: Transport, clock: Clock) -> Channel:
    return AliyunSmsChannel(AliyunSmsAccount(**credentials), transport, clock.now, _new_id, **given)


def _wechat_template(credentials: Stated, given: Stated, transport: Transport, clock: Clock) -> Channel:
    return WechatTemplateChannel(WechatAccount(**credentials), transport, clock.now, **given)


def _wechat_mass(credentials: Stated, given: Stated, transport: Transport, clock: Clock) -> Channel:
    return WechatMassChannel(WechatAccount(**credentials), transport, clock.now, **given)


def _wechat_subscription(credentials: Stated, given: Stated, transport: Transport, clock: Clock) -> Channel:
    return WechatSubscriptionChannel(WechatAccount(**credentials), transport, clock.now, **given)


def _wechat_customer_service(
    credentials: Stated, given: Stated, transport: Transport, clock: Clock
) -> Channel:
    return WechatCustomerServiceChannel(WechatAccount(**credentials), transport, clock.now, **given)


def _jpush(credentials: Stated, given: Stated, transport: Transport, _: Clock) -> Channel:
    own, registered = _registered(credentials)
    account = JpushAccount(own["app_key"], own["master_secret"], registered=registered)
    return JpushChannel(account, transport, **given)


def _tencent_sms(credentials: Stated, given: Stated, transport: Transport, clock: Clock) -> Channel:
    return TencentSmsChannel(TencentSmsAccount(**credentials), transport, clock.now, **given)


def _getui(credentials: Stated, given: Stated, transport: Transport, clock: Clock) -> Channel:
    own, registered = _registered(credentials)
    return GetuiChannel(GetuiAccount(**own, registered=registered), transport, clock.now, **given)


def _registered(credentials: Stated) -> tuple[dict[str, str], Registered]:
    """What an account states parted: the provider's own, and what the app has registered with phone makers."""
    own = {name: value for name, value in credentials.items() if name not in REGISTERED}
    return own, Registered(**{name: value for name, value in credentials.items() if name in REGISTERED})


def _webhook(credentials: Stated, given: Stated, _: Transport, clock: Clock) -> Channel:
    own = {name: value for name, value in credentials.items() if name not in given}
    return WebhookChannel(WebhookAccount(**own), clock.now, **given)


def _fcm(credentials: Stated, given: Stated, transport: Transport, clock: Clock) -> Channel:
    return FcmChannel(FcmAccount.read(**credentials), transport, clock.now, **given)


def _apns(credentials: Stated, given: Stated, _: Transport, clock: Clock) -> Channel:
    return ApnsChannel(ApnsAccount.read(**credentials), clock.now, **given)


def _email(credentials: Stated, given: Stated, _: Transport, clock: Clock) -> Channel:
    own = {name: value for name, value in credentials.items() if name not in given}
    templates = read_templates(own.pop("templates", ""))
    return EmailChannel(EmailAccount(**own), templates, clock.now, **given)


_MAKERS: Mapping[str, Callable[[Stated, Stated, Transport, Clock], Channel]] = {
    "aliyun_sms": _aliyun_sms,
    "wechat_template": _wechat_template,
    "wechat_mass": _wechat_mass,
    "wechat_subscription": _wechat_subscription,
    "wechat_customer_service": _wechat_customer_service,
    "jpush": _jpush,
    "webhook": _webhook,
    "email": _email,
    "tencent_sms": _tencent_sms,
    "getui": _getui,
    "fcm": _fcm,
    "apns": _apns,
}
"""Every channel there is, by its name in the accounts file: what an account states, the base URL if it states one."""


def _new_id() -> str:
    return uuid.uuid4().hex


def main() -> int:
    """Serves until told to stop; returns the exit code."""
    return serve(build)
