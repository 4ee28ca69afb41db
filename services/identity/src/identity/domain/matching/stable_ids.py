"""Cluster ids that stay the same from run to run."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping


def carry_over(
    clusters: Mapping[int, int], before: Mapping[int, int], new_id: Callable[[], int]
) -> dict[int, int]:
    """The id of each member's cluster. `clusters` number this run's groups, `before` holds the ids of the last run.

    The largest overlap keeps the id: pairs of an old id and a group are taken by falling number of common members,
    then by smaller id, then by smallest member; each id and each group once. Groups that none falls to get new ids, in
    order of their smallest member. An id is never given to two groups.
    """
    members: dict[int, list[int]] = defaultdict(list)
    for member in sorted(clusters):
        members[clusters[member]].append(member)
    overlaps = Counter(
        (before[member], group) for group, found in members.items() for member in found if member in before
    )
    ranked = sorted(overlaps, key=lambda pair: (-overlaps[pair], pair[0], members[pair[1]][0]))
    id_of: dict[int, int] = {}
    taken: set[int] = set()
    for cluster_id, group in ranked:
        if group not in id_of and cluster_id not in taken:
            id_of[group] = cluster_id
            taken.add(cluster_id)
    for group in sorted(members, key=lambda group: members[group][0]):
        if group not in id_of:
            id_of[group] = new_id()
    return {member: id_of[group] for member, group in clusters.items()}
