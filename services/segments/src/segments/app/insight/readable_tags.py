"""Which tags a caller may ask about."""

from collections.abc import Iterable

from segments.app.names import nearest
from segments.app.readable import MayRead
from segments.app.tenant_segments import TenantSegments
from segments.errors import TagNotReadable
from servicekit.errors import ResourceNotFound


def require_readable(segments: TenantSegments, tag_ids: Iterable[str], may_read: MayRead) -> None:
    """Distributions tell of values themselves, so every grade counts. Raises ResourceNotFound, TagNotReadable with the
    names of all that the caller may not read."""
    known = segments.index.tags
    forbidden, rights = [], set()
    for tag_id in tag_ids:
        if tag_id not in known:
            raise ResourceNotFound(f"tag {tag_id!r}", nearest(tag_id, known))
        if not may_read(known[tag_id].grade):
            forbidden.append(tag_id)
            rights.add(f"tagging.values.read_{known[tag_id].grade}")
    if forbidden:
        raise TagNotReadable(sorted(forbidden), sorted(rights))
