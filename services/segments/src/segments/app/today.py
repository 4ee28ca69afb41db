"""Who kept persons are today."""

from pyroaring import BitMap
from rules.check import Population
from segments.store.ports import TenantIndex


def today(index: TenantIndex, persons: BitMap) -> BitMap:
    """Redirects followed, the erased left out."""
    alive = index.population(Population.ALL)
    others = {index.living(person_id) for person_id in persons - alive}
    return (persons & alive) | BitMap(others - {0})
