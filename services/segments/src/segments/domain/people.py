"""Who acts, and on whose segments."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """A caller; `subject` names the key in versions and history. `may_administer`: acts on any owner's segments and
    forces what is in use."""

    subject: str
    may_administer: bool = False

    def may_change(self, owner: str) -> bool:
        """Whether a segment of this owner is the actor's to change; one without an owner is anybody's."""
        return self.may_administer or owner in ("", self.subject)
