"""What a definition must say to people before somebody reviews it."""

from collections.abc import Iterator

from tagging.domain.definition import TagDefinition


def undocumented(definition: TagDefinition) -> Iterator[tuple[str, str]]:
    """(field, problem) of what is missing: reviewers and readers have the name, what it means and how it is computed
    in both languages, and somebody who answers for it."""
    for field in ("name", "description", "calculation"):
        for language in ("zh", "en"):
            if not getattr(getattr(definition, field), language):
                yield f"{field}.{language}", "is empty; a reviewed tag is described in zh and en"
    if not definition.owner:
        yield "owner", "is empty; somebody answers for a tag"
