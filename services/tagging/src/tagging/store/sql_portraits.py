"""Templates, profiles of their classes, and the secret of hot copies, as rows."""

import datetime as dt
import json
from typing import Any

from servicekit.driver_sql import execute
from sqlalchemy import Connection
from tagging.domain.class_profile import ClassProfile, Typical, TypicalValue
from tagging.domain.columns import microseconds, moment_of
from tagging.domain.portrait_document import (
    from_document,
    scalar_document,
    scalar_from_document,
    to_document,
)
from tagging.domain.portrait_template import PortraitTemplate
from tagging.store.portrait_ports import StoredTemplate

_SELECT = (
    "SELECT t.document, t.update_time_us, p.document FROM portrait_template t "
    "LEFT JOIN class_profile p ON p.tenant = t.tenant AND p.template_id = t.template_id WHERE t.tenant = ?"
)
_PUT = (
    "INSERT INTO portrait_template (tenant, template_id, document, update_time_us) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (tenant, template_id) DO UPDATE SET "
    "document = excluded.document, update_time_us = excluded.update_time_us"
)
_PUT_PROFILE = (
    "INSERT INTO class_profile (tenant, template_id, document) VALUES (?, ?, ?) "
    "ON CONFLICT (tenant, template_id) DO UPDATE SET document = excluded.document"
)


class SqlPortraitTemplates:
    """PortraitTemplates over the tables `portrait_template` and `class_profile`."""

    def all(self, connection: Connection, tenant: str) -> dict[str, StoredTemplate]:
        stored = [_stored(row) for row in execute(connection, _SELECT, (tenant,))]
        by_id = {each.template.template_id: each for each in stored}
        return {template_id: by_id[template_id] for template_id in sorted(by_id)}

    def get(self, connection: Connection, tenant: str, template_id: str) -> StoredTemplate | None:
        row = execute(connection, f"{_SELECT} AND t.template_id = ?", (tenant, template_id)).one_or_none()
        return None if row is None else _stored(row)

    def put(self, connection: Connection, tenant: str, template: PortraitTemplate, now: dt.datetime) -> None:
        document = json.dumps(to_document(template), ensure_ascii=False)
        execute(connection, _PUT, (tenant, template.template_id, document, microseconds(now)))

    def delete(self, connection: Connection, tenant: str, template_id: str) -> bool:
        deleted = execute(
            connection,
            "DELETE FROM portrait_template WHERE tenant = ? AND template_id = ? RETURNING template_id",
            (tenant, template_id),
        ).all()
        execute(
            connection,
            "DELETE FROM class_profile WHERE tenant = ? AND template_id = ?",
            (tenant, template_id),
        )
        return bool(deleted)

    def put_profile(
        self, connection: Connection, tenant: str, template_id: str, profile: ClassProfile
    ) -> None:
        document = json.dumps(_profile_document(profile), ensure_ascii=False)
        execute(connection, _PUT_PROFILE, (tenant, template_id, document))

    def tenants(self, connection: Connection) -> list[str]:
        rows = execute(connection, "SELECT DISTINCT tenant FROM portrait_template ORDER BY tenant")
        return [row[0] for row in rows]


class SqlCopySecrets:
    """CopySecrets over the one row of `hot_copy_secret`."""

    def secret(self, connection: Connection) -> bytes | None:
        row = execute(connection, "SELECT secret FROM hot_copy_secret WHERE number = 1").one_or_none()
        return None if row is None else bytes(row[0])

    def keep(self, connection: Connection, secret: bytes) -> None:
        execute(
            connection,
            "INSERT INTO hot_copy_secret (number, secret) VALUES (1, ?) ON CONFLICT (number) DO NOTHING",
            (secret,),
        )


def _stored(row: Any) -> StoredTemplate:
    document, update_time_us, profile = row
    return StoredTemplate(
        from_document(json.loads(document)),
        moment_of(update_time_us),
        None if profile is None else _profile(json.loads(profile)),
    )


def _profile_document(profile: ClassProfile) -> dict[str, Any]:
    return {
        "made_for": profile.made_for,
        "run_id": profile.run_id,
        "as_of_us": microseconds(profile.as_of),
        "member_count": profile.member_count,
        "values": [
            [each.tag_id, scalar_document(each.value), int(each.kind), each.known_count, each.same_count]
            for each in profile.values
        ],
    }


def _profile(document: dict[str, Any]) -> ClassProfile:
    values = tuple(
        TypicalValue(tag_id, scalar_from_document(value), Typical(kind), known_count, same_count)
        for tag_id, value, kind, known_count, same_count in document["values"]
    )
    return ClassProfile(
        document["made_for"],
        document["run_id"],
        moment_of(document["as_of_us"]),
        document["member_count"],
        values,
    )
