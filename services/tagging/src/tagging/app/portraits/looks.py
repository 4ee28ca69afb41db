"""What a reader asks of portraits: which of them are alike, so that a copy of one serves the other."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

from tagging.domain.definition import Grade
from tagging.domain.portrait_description import Language


@dataclass(frozen=True)
class Look:
    """The grades and roles are the reader's. `tag_ids` empty and no template: all that have a value.

    reads_all_templates  whether templates of other roles are open, too
    """

    tag_ids: tuple[str, ...] = ()
    template_id: str = ""
    language: Language | None = None
    has_timeline: bool = True
    grades: frozenset[Grade] = frozenset()
    roles: frozenset[str] = frozenset()
    reads_all_templates: bool = False

    @cached_property
    def shape(self) -> bytes:
        """16 bytes that only equal looks share."""
        parts = (
            "\0".join(self.tag_ids),
            self.template_id,
            self.language.value if self.language else "",
            str(self.has_timeline),
            "\0".join(sorted(each.value for each in self.grades)),
            "\0".join(sorted(self.roles)) if self.template_id else "",
            str(self.reads_all_templates),
        )
        return hashlib.blake2b("\1".join(parts).encode(), digest_size=16).digest()
