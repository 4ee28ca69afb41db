"""A tag says something of the tags it rests on: whoever takes a sensitive one into another grade is told. From personal
to internal is what coarser tags are for, an age band of a birth date."""

from collections.abc import Collection, Iterator, Mapping

from tagging.domain.definition import Grade, TagDefinition


def lowered(
    definition: TagDefinition, rests_on: Collection[str], others: Mapping[str, TagDefinition]
) -> Iterator[str]:
    """A warning for each sensitive tag that a definition of another grade names."""
    if definition.grade is Grade.SENSITIVE:
        return
    for tag_id in sorted(rests_on):
        other = others.get(tag_id)
        if other is not None and other.grade is Grade.SENSITIVE:
            yield (
                f"tag '{definition.tag_id}' is {definition.grade.value}, but rests on '{tag_id}', which is "
                f"{other.grade.value}: its readers learn something of that one"
            )
