"""Planted rates are found again in the exports: dirt, seasons, drop-out, preferences, consents, memory."""

import re
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from simulator.purchases import ORDINARY_DAYS_PER_YEAR, draw_purchases
from simulator.season import Season
from simulator.seeding import generator

MOST_MEGABYTES = 900
SELLERS = ("shop", "mini_program", "app", "pos")


@pytest.fixture(scope="module")
def daily(default: Path) -> Counter[date]:
    """Orders per day, of all sources."""
    tables = [
        pq.read_table(default / f"{source}/orders.parquet", columns=["ordered_at"]) for source in SELLERS
    ]
    return Counter(time.date() for time in pa.concat_tables(tables)["ordered_at"].to_pylist())


def mean(daily: Counter[date], first: date, last: date) -> float:
    days = [date.fromordinal(n) for n in range(first.toordinal(), last.toordinal() + 1)]
    return sum(daily[day] for day in days) / len(days)


def test_promotions_are_peaks_and_the_spring_festival_is_a_dip(daily: Counter[date]):
    assert daily[date(2025, 11, 11)] > 3 * mean(daily, date(2025, 10, 8), date(2025, 10, 28))
    assert daily[date(2026, 6, 18)] > 2.5 * mean(daily, date(2026, 5, 6), date(2026, 5, 26))
    festival = mean(daily, date(2026, 2, 17), date(2026, 2, 21))
    assert festival < 0.5 * mean(daily, date(2026, 1, 12), date(2026, 2, 8))


def test_double_eleven_opens_in_the_evening_before(default: Path):
    path = default / "mini_program/orders.parquet"
    times = pq.read_table(path, columns=["ordered_at"])["ordered_at"].to_pylist()
    eve = Counter(time.hour for time in times if time.date() == date(2025, 11, 10))
    usual = Counter(time.hour for time in times if time.date() < date(2025, 10, 28))
    assert sum(eve[hour] for hour in range(20, 24)) > 0.4 * sum(eve.values())
    assert sum(usual[hour] for hour in range(20, 24)) < 0.35 * sum(usual.values())


def test_stores_sell_while_they_are_open(default: Path):
    times = pq.read_table(default / "pos/orders.parquet", columns=["ordered_at"])["ordered_at"].to_pylist()
    assert all(10 <= time.hour < 22 for time in times)


def test_phones_are_as_dirty_as_planted(default: Path):
    phones = duckdb.sql(
        f"SELECT mobile FROM read_csv('{default}/crm/members.csv', all_varchar = true)"
    ).fetchall()
    shapes = Counter(shape(phone) for (phone,) in phones)
    share = {name: count / len(phones) for name, count in shapes.items()}
    planted = {"plus_86": 0.04, "zero_86": 0.01, "dashes": 0.04, "spaces": 0.03, "full_width": 0.01}
    planted |= {"excel": 0.007, "masked": 0.01, "absent": 0.013}
    for name, rate in planted.items():
        assert share[name] == pytest.approx(rate, abs=0.004), name


def shape(phone: str | None) -> str:
    if phone is None:
        return "absent"
    marks = {"+86": "plus_86", "0086": "zero_86", "-": "dashes", "E+": "excel", "*": "masked", " ": "spaces"}
    named = [
        name for mark, name in marks.items() if (phone.startswith(mark) if "86" in mark else mark in phone)
    ]
    return named[0] if named else "plain" if phone.isascii() else "full_width"


def test_files_come_in_the_encodings_of_their_systems(default: Path):
    assert (default / "crm/members.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    till = (default / "pos/customers.csv").read_bytes()
    assert till.decode("gb18030").startswith('"卡号"')
    with pytest.raises(UnicodeDecodeError):
        till.decode("utf-8")


def test_tablets_are_used_by_many_and_staff_phones_stand_beside_many_cards(default: Path):
    users = duckdb.sql(
        f"""SELECT count(DISTINCT member_id) FROM '{default}/app/events.parquet'
            WHERE starts_with(device_id, 'pad-') GROUP BY device_id"""
    ).fetchall()
    assert np.median([count for (count,) in users]) >= 10
    till = (default / "pos/customers.csv").read_bytes().decode("gb18030")
    shared = pq.read_table(default / "truth/shared.parquet").to_pylist()
    staff = {row["value"].removeprefix("+86") for row in shared if row["kind"] == "staff_phone"}
    assert sum(number in till for number in staff) >= 20


def test_people_drop_out_at_the_planted_rates():
    season = Season.between(date(2023, 7, 1), date(2026, 6, 30))
    count = 40_000
    arrival = np.full(count, season.start, dtype=np.int64)
    told = draw_purchases(generator(1, "test"), season, arrival, np.ones(count, dtype=np.bool_))
    bought = np.bincount(told.person, minlength=count)
    dropped = told.dropped_at >= 0
    # Each purchase is a trial of dropping out with the person's own chance: the sums must agree.
    expected = (bought * told.drop).sum()
    assert dropped.sum() == pytest.approx(expected, rel=0.02)
    # While alive, people buy at their own pace on the trade clock.
    alive = told.alive & (bought > 0)
    years = season.passed[-1] / ORDINARY_DAYS_PER_YEAR
    frequent = alive & (told.drop < 0.02) & (told.rate > 2)
    assert bought[frequent].sum() == pytest.approx((told.rate[frequent] * years).sum(), rel=0.05)


def test_preferences_show_in_what_people_buy(default: Path):
    focus, bought = duckdb.sql(
        f"""
        WITH sold AS (
            SELECT member_id, unnest(items) AS item FROM '{default}/app/orders.parquet'
            WHERE event = 'order_paid'
        )
        SELECT avg(focus), avg((item.category = favourite_category)::INT)
        FROM sold JOIN '{default}/truth/persons.parquet' USING (member_id)
        """
    ).fetchall()[0]
    # Beyond focus, the favourite is also met by chance.
    assert focus <= bought <= focus + 0.1


def test_most_orders_follow_a_visit(default: Path):
    online, led = duckdb.sql(
        f"""
        SELECT count(*), count(*) FILTER (EXISTS (
            SELECT 1 FROM '{default}/mini_program/events.parquet' AS seen
            WHERE seen.openid = sold.openid AND seen.time < sold.ordered_at
              AND seen.time > sold.ordered_at - INTERVAL 1 HOUR))
        FROM '{default}/mini_program/orders.parquet' AS sold
        """
    ).fetchall()[0]
    assert led > 0.85 * online


def test_consents_differ_by_channel_and_some_are_withdrawn(default: Path):
    def share(file: str, column: str) -> float:
        query = f"SELECT avg(({column} = 'Y')::INT) FROM read_csv('{default}/{file}', all_varchar = true)"
        return float(duckdb.sql(query).fetchall()[0][0])

    assert share("crm/members.csv", "sms_marketing") == pytest.approx(0.66, abs=0.02)
    assert share("official_account/followers.csv", "marketing") == pytest.approx(0.78, abs=0.02)
    assert share("app/devices.csv", "push_on") == pytest.approx(0.72, abs=0.02)
    for log in ("crm/consent_log.csv", "official_account/unfollows.csv", "app/push_settings.csv"):
        assert len((default / log).read_text(encoding="utf-8").splitlines()) > 100


def test_truth_tells_the_permission_last_given(default: Path):
    different, silent = duckdb.sql(
        f"""
        WITH log AS (SELECT crm_id FROM read_csv('{default}/crm/consent_log.csv', all_varchar = true)),
        members AS (SELECT * FROM read_csv('{default}/crm/members.csv', all_varchar = true) WHERE mobile <> ''),
        last AS (SELECT member_id, sms_marketing = 'Y' AND crm_id NOT IN (FROM log) AS allowed FROM members)
        SELECT count(*) FILTER (allowed <> truth.sms_marketing), count(*) FILTER (NOT allowed)
        FROM last JOIN '{default}/truth/persons.parquet' AS truth USING (member_id)
        """
    ).fetchall()[0]
    assert different == 0
    assert silent > 1_000


def test_points_balance_is_the_sum_of_changes(default: Path):
    broken = duckdb.sql(
        f"""
        SELECT count(*) FROM (
            SELECT balance::DECIMAL(18, 4) AS balance, sum(delta::DECIMAL(18, 4)) OVER so_far AS total
            FROM read_csv('{default}/crm/member_changes.csv', all_varchar = true)
            WHERE change = 'points_changed'
            WINDOW so_far AS (PARTITION BY member_id ORDER BY changed_at, change_id))
        WHERE balance <> total
        """
    ).fetchall()[0][0]
    assert broken == 0


def test_fifty_thousand_persons_in_bounded_memory_and_without_a_repeated_id(tmp_path: Path):
    folder = tmp_path / "out"
    program = "import sys; from pathlib import Path; from simulator.retailer import simulate; "
    program += "simulate(Path(sys.argv[1]), 50_000, 3); print(Path('/proc/self/status').read_text())"
    ran = subprocess.run(
        [sys.executable, "-c", program, str(folder)], check=True, capture_output=True, text=True
    )
    # its own peak; getrusage tells that of the process that started it, too
    (peak_kilobytes,) = re.findall(r"VmHWM:\s+(\d+) kB", ran.stdout)
    assert int(peak_kilobytes) // 1024 <= MOST_MEGABYTES
    ids = {
        "*/orders.parquet": "order_id",
        "*/events.parquet": "filename || event_id",
        "truth/accounts.parquet": "source || namespace || scope || account",
        "truth/persons.parquet": "person",
    }
    for files, key in ids.items():
        query = f"""SELECT count(*), count(DISTINCT {key})
                    FROM read_parquet('{folder}/{files}', filename = true, union_by_name = true)"""
        rows, distinct = duckdb.sql(query).fetchall()[0]
        assert rows == distinct > 0, files
