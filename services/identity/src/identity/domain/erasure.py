"""When a record is about an erased person, and what is left of one that only mentions something erased.

A source that has not erased a person goes on sending records about it. A record is about the erased when its
strongest identifier is tombstoned, or any tombstoned one is of a unique namespace (a member id, a CRM id ...), of which
a person has one. Otherwise a tombstoned identifier is one that people share or pass on, a phone or a device: it is
left out and the record stands for whoever else it names.
"""

from collections.abc import Collection, Mapping

from identity.domain.policy import Policy
from identity.domain.record import Identifier


def is_about_erased(
    identifiers: Mapping[bytes, Identifier], erased: Collection[bytes], policy: Policy
) -> bool:
    """Whether a record with these identifiers, by hash, is about an erased person; `erased` are tombstoned hashes."""
    known = {hash_: identifier for hash_, identifier in identifiers.items() if not identifier.blocked}
    mentioned = known.keys() & set(erased)
    if not mentioned:
        return False
    strongest = min(known, key=lambda hash_: (policy.namespaces[known[hash_].namespace].priority, hash_))
    return strongest in mentioned or any(
        policy.namespaces[known[hash_].namespace].unique for hash_ in mentioned
    )
