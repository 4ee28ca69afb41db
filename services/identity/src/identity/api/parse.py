"""From request messages to the domain, limits checked; records have parse_records.py."""

from collections.abc import Sequence

from huaxiang.identity.v1 import (
    change_service_pb2,
    contact_point_service_pb2,
    person_service_pb2,
    record_pb2,
    tenant_settings_pb2,
)
from huaxiang.type.v1 import revision_pb2
from servicekit.errors import InvalidField
from servicekit.principal import Principal
from servicekit.revision import LANES, Lane, Revision, from_proto

from identity.api.values import check_count, name_is_valid
from identity.app.acknowledge_changes import HighestIds
from identity.app.get_contact_points import ContactQuestion
from identity.app.resolve_identifiers import Lookup
from identity.domain.calendar import CalendarPeriod, CalendarYear, Holiday
from identity.domain.consents import Channel
from identity.domain.normalise import Normaliser, Unusable, scope_is_valid
from identity.domain.person_ids import MAX_PERSON_ID
from identity.domain.policy import Policy
from identity.domain.record import Identifier
from identity.domain.settings import TenantSettings, first_problem

MAX_LOOKUPS = 1_000
MAX_CONTACT_PERSONS = 1_000
MAX_REASON_CHARS = 128
MAX_ID = 2**62


def watched_lanes(lane: int) -> tuple[Lane, ...]:
    """The lanes of a Watch: both when unspecified."""
    if lane not in revision_pb2.Lane.values():
        raise InvalidField("lane", "is not one of LIVE, BULK")
    return (Lane(lane),) if lane else LANES


def lookups(
    request: person_service_pb2.ResolveIdentifiersRequest, policy: Policy, normaliser: Normaliser
) -> list[Lookup]:
    """Identifiers in normal form, or what is wrong with them."""
    check_count("identifiers", len(request.identifiers), MAX_LOOKUPS)
    if request.source and not name_is_valid(request.source):
        raise InvalidField("source", "is not 1 to 64 characters of a-z, 0-9 and _")
    found: list[Lookup] = []
    for stated in request.identifiers:
        normal = normaliser.value(stated.namespace, stated.value)
        if isinstance(normal, Unusable):
            found.append(Lookup(None, normal.hint))
        elif not scope_is_valid(stated.scope):
            found.append(Lookup(None, "has a scope that is not at most 64 of A-Z, a-z, 0-9 and _ . : -"))
        else:
            scope = policy.scope_of(stated.namespace, stated.scope, request.source)
            found.append(Lookup(Identifier(stated.namespace, scope, normal.text, normal.blocked)))
    return found


def contact_question(
    request: contact_point_service_pb2.GetContactPointsRequest, principal: Principal
) -> ContactQuestion:
    """A question for contact points."""
    check_count("person_ids", len(request.person_ids), MAX_CONTACT_PERSONS)
    if not name_is_valid(request.purpose):
        raise InvalidField("purpose", "is not 1 to 64 characters of a-z, 0-9 and _")
    if (
        request.channel == record_pb2.CHANNEL_UNSPECIFIED
        or request.channel not in record_pb2.Channel.values()
    ):
        raise InvalidField("channel", "is not one of SMS, WECHAT, PUSH, EMAIL")
    if not scope_is_valid(request.scope):
        raise InvalidField("scope", "is not at most 64 characters of A-Z, a-z, 0-9 and _ . : -")
    if not 1 <= len(request.reason) <= MAX_REASON_CHARS or not request.reason.isprintable():
        raise InvalidField(
            "reason", f"is not 1 to {MAX_REASON_CHARS} printable characters: name the campaign"
        )
    if request.brand and not name_is_valid(request.brand.replace("-", "_")):
        raise InvalidField("brand", "is not at most 64 characters of a-z, 0-9, _ and -")
    return ContactQuestion(
        principal.require_tenant(),
        principal.subject,
        tuple(request.person_ids),
        request.purpose,
        Channel(request.channel),
        request.scope,
        request.brand,
        request.reason,
    )


def settings(message: tenant_settings_pb2.TenantSettings) -> TenantSettings:
    """Valid settings; unset fields take their defaults."""
    defaults = TenantSettings()
    parsed = TenantSettings(
        message.time_zone or defaults.time_zone,
        message.week_start or defaults.week_start,
        message.currency or defaults.currency,
        tuple(CalendarPeriod(period.name, period.start, period.end) for period in message.calendar),
        message.event_retention_days,
        tuple(sorted(set(message.sensitive_purposes))),
        tuple(map(_year, message.years)),
    )
    problem = first_problem(parsed)
    if problem is not None:
        raise InvalidField(problem.field, problem.problem)
    return parsed


def _year(message: tenant_settings_pb2.CalendarYear) -> CalendarYear:
    holidays = tuple(Holiday(each.name, each.first_day, each.last_day) for each in message.holidays)
    return CalendarYear(message.year, holidays, tuple(message.worked_days))


def acknowledged(
    request: change_service_pb2.AcknowledgeChangesRequest,
) -> tuple[Revision, dict[str, HighestIds]]:
    """How far, and the highest ids by tenant."""
    through = from_proto(request.through)
    if through is None:
        raise InvalidField("through", "is required")
    highest: dict[str, HighestIds] = {}
    for tenant, ids in request.highest_ids.items():
        numbers: Sequence[int] = (ids.person_id, ids.key_id, ids.ingest_sequence)
        if not tenant or not all(0 <= number < MAX_ID for number in numbers):
            raise InvalidField("highest_ids", "needs a tenant's name and ids that are not negative")
        if ids.person_id > MAX_PERSON_ID:
            raise InvalidField(
                "highest_ids", f"has a person id above {MAX_PERSON_ID}, which was never handed out"
            )
        highest[tenant] = HighestIds(*numbers)
    return through, highest
