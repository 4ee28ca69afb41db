"""A tagging service at its wire: a real changelog and Watch, a state that only does what it is told."""
# ruff: noqa: N802  # rpc names are the contract's

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from huaxiang.tagging.v1 import change_pb2, tag_life_pb2, tag_pb2
from huaxiang.tagging.v1 import change_service_pb2 as changes
from huaxiang.tagging.v1 import change_service_pb2_grpc as changes_grpc
from huaxiang.tagging.v1 import event_type_service_pb2 as events
from huaxiang.tagging.v1 import event_type_service_pb2_grpc as events_grpc
from huaxiang.tagging.v1 import feature_service_pb2 as features
from huaxiang.tagging.v1 import feature_service_pb2_grpc as features_grpc
from huaxiang.tagging.v1 import portrait_service_pb2 as portraits
from huaxiang.tagging.v1 import portrait_service_pb2_grpc as portraits_grpc
from huaxiang.tagging.v1 import tag_life_service_pb2 as lives
from huaxiang.tagging.v1 import tag_life_service_pb2_grpc as lives_grpc
from huaxiang.tagging.v1 import tag_service_pb2 as tags
from huaxiang.tagging.v1 import tag_service_pb2_grpc as tags_grpc
from huaxiang.tagging.v1 import tag_use_service_pb2 as uses
from huaxiang.tagging.v1 import tag_use_service_pb2_grpc as uses_grpc
from huaxiang.type.v1 import explanation_pb2, value_pb2
from segments.domain.packing import Coded
from segments_changes import block_change
from servicekit.calls import current_principal
from servicekit.changelog import Changelog, Entry
from servicekit.database import Database
from servicekit.errors import Exhausted, StateConflict
from servicekit.kit_tables import kit_tables
from servicekit.retention import trim
from servicekit.revision import LANES, Lane, Revision, from_proto
from servicekit.server import Service
from servicekit.upstream import advance
from servicekit.values import timestamp_of
from servicekit.watch import Watches

TENANT = "t1"
IDENTITY_EPOCH = "00000001aaaaaaaa"
FOR_EVER_MS = 2**62


class FeatureQuota(Exhausted):
    """As tagging refuses it."""

    domain = "tagging.huaxiang"
    reason = "FEATURE_QUOTA"

    def __init__(self, count: int, limit: int) -> None:
        super().__init__("too many features", count=count, limit=limit)


class VersionsNotKept(StateConflict):
    """As tagging refuses it."""

    domain = "tagging.huaxiang"
    reason = "VERSIONS_NOT_KEPT"


class FakeTagging(
    changes_grpc.ChangeServiceServicer,
    features_grpc.FeatureServiceServicer,
    events_grpc.EventTypeServiceServicer,
    portraits_grpc.PortraitServiceServicer,
    tags_grpc.TagServiceServicer,
    lives_grpc.TagLifeServiceServicer,
    uses_grpc.TagUseServiceServicer,
):
    """While `flowing` is not set, what it tells does not arrive. `quota` is how many forms it takes. `columns` are
    what EvaluateFeature answers, by form; `past` what GetPortrait tells of before, by tag and person."""

    def __init__(self, folder: Path) -> None:
        self.database = Database.open(f"sqlite:///{folder / 'tagging.db'}", synchronous="NORMAL")
        self.changelog = Changelog("tagging", sources={"identity": ("identity",)})
        metadata = sa.MetaData()
        kit_tables(metadata)
        self.database.write_now(metadata.create_all)
        self.database.write_now(self.changelog.create)
        self.watches = Watches(self.database, self.changelog)
        self.quota = 2_000
        self.required: dict[str, list[str]] = {}
        self.columns: dict[str, dict[int, Any]] = {}
        self.evaluated: list[str] = []
        self.past: dict[str, dict[int, Any]] = {}
        self.retired: dict[str, str] = {}
        self.used: dict[str, list[tuple[str, list[str], list[str]]]] = {}
        self.explained: list[portraits.ExplainRuleRequest] = []
        self.event_types: list[events.EventType] = []
        self.identity = dict.fromkeys(LANES, 0)
        self.exported = 0
        self.state: dict[tuple[Any, ...], change_pb2.Change] = {}
        self.values: dict[str, dict[int, Any]] = {}
        self.flowing = asyncio.Event()
        self.flowing.set()

    def services(self) -> list[Service]:
        packages = {
            "ChangeService": (changes, changes_grpc),
            "FeatureService": (features, features_grpc),
            "EventTypeService": (events, events_grpc),
            "PortraitService": (portraits, portraits_grpc),
            "TagService": (tags, tags_grpc),
            "TagLifeService": (lives, lives_grpc),
            "TagUseService": (uses, uses_grpc),
        }
        return [
            Service(
                messages.DESCRIPTOR.services_by_name[name],
                getattr(stubs, f"add_{name}Servicer_to_server"),
                self,
            )
            for name, (messages, stubs) in packages.items()
        ]

    # ------------------------------------------------------------------------------------------ telling

    def tell(self, *told: change_pb2.Change, lane: Lane | None = None) -> Revision:
        """Appends changes as the consequence of one more write of identity in the same lane: the live one, or the
        bulk one, where features stand, when nothing else is told."""
        only_features = bool(told) and all(change.HasField("feature") for change in told)
        lane = lane or (Lane.BULK if only_features else Lane.LIVE)
        for change in told:
            self._remember(change)
        self.identity[lane] += 1

        def write(connection: sa.Connection) -> Revision:
            revision = Revision("identity", IDENTITY_EPOCH).at(lane, self.identity[lane])
            advance(connection, "identity", lane, revision, ())
            entries = [
                Entry(str(change.WhichOneof("change")), TENANT, change.SerializeToString()) for change in told
            ]
            return self.changelog.append(connection, lane, entries)

        return self.database.write_now(write)

    @property
    def identity_revision(self) -> Revision:
        """Identity's latest live write."""
        return Revision("identity", IDENTITY_EPOCH, live=self.identity[Lane.LIVE])

    def forget_history(self) -> None:
        self.database.write_now(trim, self.changelog, keep_after_machine_time_ms=FOR_EVER_MS)

    def restore(self) -> None:
        self.database.write_now(self.changelog.new_epoch)

    def _remember(self, change: change_pb2.Change) -> None:
        match change.WhichOneof("change"):
            case "values":
                for each in change.values.values:
                    known = self.values.setdefault(each.column, {})
                    known[change.values.person_id] = plain(each.value)
            case "person":
                self.state["person", change.person.person_id] = change
            case "tag":
                self.state["tag", change.tag.tag.definition.tag_id] = change
            case "feature":
                self.state["feature", change.feature.form] = change
            case "day":
                self.state["day",] = change

    def tell_block(self, column: str, values: Mapping[int, Any], lane: Lane = Lane.BULK) -> Revision:
        """A packed entry."""
        self.values.setdefault(column, {}).update(values)
        return self.tell(change_pb2.Change(block=block_message(column, values)), lane=lane)

    # ------------------------------------------------------------------------------------------ serving

    async def Watch(
        self, request: changes.WatchRequest, context: object
    ) -> AsyncIterator[changes.WatchResponse]:
        lanes = (Lane(request.lane),) if request.lane else LANES
        await self.flowing.wait()
        async for batch in self.watches.watch(from_proto(request.after), lanes=lanes):
            told = []
            for entry in batch.entries:
                change = change_pb2.Change.FromString(entry.payload)
                change.tenant, change.position = entry.tenant, entry.position
                change.traceparent = entry.traceparent or ""
                told.append(change)
            yield changes.WatchResponse(
                changes=told,
                lane=int(batch.lane),  # type: ignore[arg-type]
                progress=batch.progress.to_proto(),
            )

    async def ExportTagIndex(
        self, request: changes.ExportTagIndexRequest, context: object
    ) -> AsyncIterator[changes.ExportTagIndexResponse]:
        self.exported += 1
        progress = (await self.database.read(self.changelog.head)).progress("tagging")
        known = list(self.state.values())
        if known:
            yield changes.ExportTagIndexResponse(
                tenant=TENANT,
                day=next((each.day for each in known if each.HasField("day")), None),
                persons=[each.person for each in known if each.HasField("person")],
                tags=[each.tag.tag for each in known if each.HasField("tag") and not each.tag.deleted],
                features=[each.feature for each in known if each.HasField("feature")],
            )
        for column, values in self.values.items():
            for block in sorted({person_id >> 16 for person_id in values}):
                inside = {each: value for each, value in values.items() if each >> 16 == block}
                yield changes.ExportTagIndexResponse(tenant=TENANT, blocks=[block_message(column, inside)])
        yield changes.ExportTagIndexResponse(progress=progress.to_proto())

    async def SetRequiredFeatures(
        self, request: features.SetRequiredFeaturesRequest, context: object
    ) -> features.SetRequiredFeaturesResponse:
        if len(request.forms) > self.quota:
            raise FeatureQuota(len(request.forms), self.quota)
        self.required[current_principal().require_tenant()] = list(request.forms)
        return features.SetRequiredFeaturesResponse()

    async def EvaluateFeature(
        self, request: features.EvaluateFeatureRequest, context: object
    ) -> AsyncIterator[features.EvaluateFeatureResponse]:
        self.evaluated.append(request.form)
        values = self.columns.get(request.form, {})
        for block in sorted({person_id >> 16 for person_id in values}):
            inside = {each: value for each, value in values.items() if each >> 16 == block}
            yield features.EvaluateFeatureResponse(block=block_message("", inside))

    async def ListEventTypes(
        self, request: events.ListEventTypesRequest, context: object
    ) -> events.ListEventTypesResponse:
        return events.ListEventTypesResponse(event_types=self.event_types)

    async def ListTags(self, request: tags.ListTagsRequest, context: object) -> tags.ListTagsResponse:
        head = await self.database.read(self.changelog.head)
        revision = Revision("tagging", head.epoch, head.live_position, head.bulk_position)
        return tags.ListTagsResponse(revision=revision.to_proto())

    async def ListTagLives(
        self, request: lives.ListTagLivesRequest, context: object
    ) -> lives.ListTagLivesResponse:
        assert list(request.states) == [tag_pb2.TAG_STATE_RETIRED]
        found = [
            tag_life_pb2.TagLife(tag_id=tag_id, state=tag_pb2.TAG_STATE_RETIRED, replacement_tag_id=instead)
            for tag_id, instead in self.retired.items()
        ]
        return lives.ListTagLivesResponse(lives=found)

    async def ReportTagUse(
        self, request: uses.ReportTagUseRequest, context: object
    ) -> uses.ReportTagUseResponse:
        assert request.consumer == "segments"
        told = [(each.name, list(each.tag_ids), list(each.segments)) for each in request.uses]
        self.used[current_principal().require_tenant()] = told
        return uses.ReportTagUseResponse()

    async def GetPortrait(
        self, request: portraits.GetPortraitRequest, context: object
    ) -> portraits.GetPortraitResponse:
        (tag_id,) = request.tag_ids
        assert request.HasField("as_of")
        if tag_id not in self.past:
            raise VersionsNotKept(tag_id)
        told = value(self.past[tag_id].get(request.person_id))
        return portraits.GetPortraitResponse(values=[tag_pb2.TagValue(tag_id=tag_id, value=told)])

    async def ExplainRule(
        self, request: portraits.ExplainRuleRequest, context: object
    ) -> portraits.ExplainRuleResponse:
        self.explained.append(request)
        return portraits.ExplainRuleResponse(
            explanation=explanation_pb2.Explanation(text=request.rule, holds=True)
        )


# ------------------------------------------------------------------------------------------- messages


def block_message(column: str, values: Mapping[int, Any]) -> change_pb2.ValueBlock:
    packed = block_change(0, column, values)
    coded: Coded = packed.coded
    return change_pb2.ValueBlock(
        column=column,
        block=packed.block,
        offsets=coded.offsets.astype("<u2").tobytes(),
        counts=coded.counts.astype("<u2").tobytes(),
        codes=coded.codes.astype("<i8").tobytes(),
        dictionary=[change_pb2.DictionaryEntry(code=code, text=text) for code, text in coded.texts.items()],
    )


def value(given: Any) -> value_pb2.Value | None:
    match given:
        case None:
            return None
        case bool():
            return value_pb2.Value(bool_value=given)
        case int():
            return value_pb2.Value(number_value=given)
        case tuple():
            elements = [value(each) for each in given]
            return value_pb2.Value(list_value=value_pb2.ValueList(values=[each for each in elements if each]))
        case _:
            return value_pb2.Value(text_value=given)


def plain(given: value_pb2.Value) -> Any:
    match given.WhichOneof("kind"):
        case None:
            return None
        case "list_value":
            return tuple(plain(each) for each in given.list_value.values)
        case kind:
            return getattr(given, str(kind))


def values_told(person_id: int, **values: Any) -> change_pb2.Change:
    columns = [
        change_pb2.ColumnValue(column=column.replace("feature_", "feature:"), value=value(given))
        for column, given in sorted(values.items())
    ]
    return change_pb2.Change(values=change_pb2.PersonValues(person_id=person_id, values=columns))


def person_told(
    person_id: int,
    version: int = 1,
    state: int = change_pb2.UNIVERSE_STATE_KNOWN,
    redirect: int = 0,
) -> change_pb2.Change:
    return change_pb2.Change(
        person=change_pb2.PersonChange(
            person_id=person_id,
            version=version,
            state=state,  # type: ignore[arg-type]
            redirect_person_id=redirect,
            birth_hash=person_id * 7,
        )
    )


def tag_told(
    tag_id: str,
    base: int,
    *options: str,
    multi_valued: bool = False,
    by_runs: bool = False,
    deleted: bool = False,
    grade: int = tag_pb2.TAG_GRADE_UNSPECIFIED,
    purpose: str = "",
) -> change_pb2.Change:
    definition = tag_pb2.TagDefinition(
        tag_id=tag_id,
        value_type=tag_pb2.ValueType(
            base=base,  # type: ignore[arg-type]
            multi_valued=multi_valued,
            openness=tag_pb2.LIST_OPENNESS_CLOSED,
            options=[tag_pb2.ValueOption(value=option) for option in options],
        ),
        update=tag_pb2.TAG_UPDATE_RUN if by_runs else tag_pb2.TAG_UPDATE_STREAM,
        grade=grade,  # type: ignore[arg-type]
        purpose=purpose,
    )
    return change_pb2.Change(
        tag=change_pb2.TagChange(tag=tag_pb2.Tag(definition=definition), deleted=deleted)
    )


def feature_told(form: str, state: int, **said: Any) -> change_pb2.Change:
    return change_pb2.Change(
        feature=change_pb2.FeatureStatus(
            form=form,
            column=f"feature:{form}",
            state=state,  # type: ignore[arg-type]
            **{"base": tag_pb2.BASE_TYPE_NUMBER, **said},
        )
    )


def day_told(day: int, *periods: str, starts: Sequence[dt.datetime] = ()) -> change_pb2.Change:
    rolled = change_pb2.DayRolled(
        day=day,
        time_zone="Asia/Shanghai",
        week_start=1,
        periods=periods,
        period_start_times=map(timestamp_of, starts),
    )
    return change_pb2.Change(day=rolled)


def order_paid() -> events.EventType:
    amount = events.EventProperty(name="amount", base=tag_pb2.BASE_TYPE_NUMBER)
    return events.EventType(name="order_paid", properties=[amount])


def persons_told(persons: Iterable[int]) -> list[change_pb2.Change]:
    return [person_told(each) for each in persons]
