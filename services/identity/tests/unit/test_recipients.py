"""Where a person is, and until when it is a child."""

from datetime import UTC, date, datetime, timedelta

import pytest
from identity.domain.recipients import is_minor, zone_named

NOW = datetime(2026, 3, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("stated", "zone"),
    [
        ("", "Asia/Shanghai"),
        ("Mars/Olympus", "Asia/Shanghai"),
        ("../../etc/passwd", "Asia/Shanghai"),
        ("x" * 4_096, "Asia/Shanghai"),
        ("Europe/Berlin", "Europe/Berlin"),
    ],
)
def test_a_zone_that_is_none_is_the_tenants(stated: str, zone: str) -> None:
    assert zone_named(stated, "Asia/Shanghai") == zone


@pytest.mark.parametrize(
    ("born", "zone", "minor"),
    [
        (None, "Asia/Shanghai", False),
        (date(2012, 3, 1), "Asia/Shanghai", False),
        (date(2012, 3, 2), "Asia/Shanghai", True),
        (date(2012, 3, 1), "America/New_York", True),
        (date(2012, 2, 29), "America/New_York", True),
        (date(2012, 2, 29), "Asia/Shanghai", False),
        (date(2027, 1, 1), "Asia/Shanghai", True),
    ],
)
def test_a_child_is_one_until_its_fourteenth_birthday_where_it_is(
    born: date | None, zone: str, minor: bool
) -> None:
    assert is_minor(born, NOW, zone) is minor
    assert not is_minor(born, NOW + timedelta(days=15 * 366), zone)
