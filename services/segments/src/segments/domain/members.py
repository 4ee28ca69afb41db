"""Members of a segment that move a few at a time."""

from dataclasses import dataclass, field

from pyroaring import BitMap

NOBODY = BitMap()
AT_ONCE = 4_096
"""Persons who moved since a set was written down last; beyond, it is written down anew."""


@dataclass(slots=True)
class Members:
    """A set that is never changed, as `base`, written down once, with those who came and without those who left since:
    a version costs what moved, not what the set holds. `came` is outside the base, `left` inside."""

    base: BitMap
    came: BitMap = NOBODY
    left: BitMap = NOBODY
    _whole: BitMap | None = field(default=None, compare=False)

    def __len__(self) -> int:
        return len(self.base) + len(self.came) - len(self.left)

    def __contains__(self, person_id: int) -> bool:
        return person_id in self.came or (person_id in self.base and person_id not in self.left)

    @property
    def whole(self) -> BitMap:
        """All of them; written down when somebody asks first. Not to be changed."""
        if self._whole is None:
            self._whole = (self.base | self.came) - self.left if self.came or self.left else self.base
        return self._whole

    def moved(self, entered: BitMap, left: BitMap) -> "Members":
        """With persons who were none of them, and without some who were."""
        came = (self.came - left) | (entered - self.left)
        gone = (self.left - entered) | (left - self.came)
        if len(came) + len(gone) > AT_ONCE:
            return Members((self.base | came) - gone)
        return Members(self.base, came, gone)
