"""Which tags rest on which: the order to compute them in, and the circles that are refused."""

from collections.abc import Collection, Mapping


class TagCycle(ValueError):
    """Tags refer to each other in a circle; `path` begins and ends with the same tag."""

    def __init__(self, path: tuple[str, ...]) -> None:
        super().__init__(f"tags refer to each other in a circle: {' -> '.join(path)}")
        self.path = path


def levels(uses: Mapping[str, Collection[str]]) -> list[list[str]]:
    """The tags in steps: each rests only on tags of earlier steps; by name within a step.

    `uses`: tag -> the tags its definition names; names that are no key do not count. Raises TagCycle.
    """
    depth: dict[str, int] = {}
    for start in sorted(uses):
        _measure(start, uses, depth)
    found: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for tag in sorted(depth):
        found[depth[tag]].append(tag)
    return found


def _measure(start: str, uses: Mapping[str, Collection[str]], depth: dict[str, int]) -> None:
    """Depth first without recursion: chains of tags may be long."""
    line: list[tuple[str, list[str]]] = []
    on_line: set[str] = set()

    def enter(tag: str) -> None:
        line.append((tag, sorted(each for each in uses[tag] if each in uses)))
        on_line.add(tag)

    if start not in depth:
        enter(start)
    while line:
        tag, waiting = line[-1]
        if waiting:
            following = waiting.pop(0)
            if following in on_line:
                names = [name for name, _ in line]
                raise TagCycle((*names[names.index(following) :], following))
            if following not in depth:
                enter(following)
            continue
        depth[tag] = 1 + max((depth[each] for each in uses[tag] if each in uses), default=-1)
        line.pop()
        on_line.discard(tag)


def closure(start: Collection[str], uses: Mapping[str, Collection[str]]) -> set[str]:
    """The tags and all that they rest on."""
    found: set[str] = set()
    waiting = [each for each in start if each in uses]
    while waiting:
        tag = waiting.pop()
        if tag not in found:
            found.add(tag)
            waiting.extend(each for each in uses[tag] if each in uses)
    return found


def dependents(start: Collection[str], uses: Mapping[str, Collection[str]]) -> set[str]:
    """The tags and all that rest on them."""
    used_by: dict[str, set[str]] = {}
    for tag, names in uses.items():
        for name in names:
            used_by.setdefault(name, set()).add(tag)
    found = set(start)
    waiting = list(start)
    while waiting:
        for tag in used_by.get(waiting.pop(), ()):
            if tag not in found:
                found.add(tag)
                waiting.append(tag)
    return found
