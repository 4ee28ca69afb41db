"""The contracts of the catalogue, cuts, runs, computations, features and due persons, on every store."""

import dataclasses
import datetime as dt

from rules.values import Kind
from tagging.catalogue.packs import RETAIL, pack_definitions
from tagging.domain.cuts import RfmCuts, Threshold
from tagging.domain.plan import plan
from tagging.domain.run_failures import Failure, FailureReason
from tagging.domain.schedule import Cause
from tagging.store.sql_catalogue import SqlCutStore, SqlTagCatalogue
from tagging.store.sql_features import SqlDuePersons, SqlFeatures
from tagging.store.sql_runs import SqlComputations, SqlRuns
from tagging.store.sql_tenants import SqlTenants
from tagging.store.tag_ports import Cost, Feature, FeatureState, RunState

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


def test_definitions_come_back_as_they_went_in(database):
    catalogue = SqlTagCatalogue()
    tags = [each.tag for each in plan({}, pack_definitions(RETAIL), NOW)]
    database.write_now(catalogue.put, "t1", tags)
    stored = database.read_now(catalogue.all, "t1")
    assert list(stored) == sorted(stored)
    assert set(stored.values()) == set(tags)
    assert [each.etag for each in stored.values()] == [
        each.etag for each in sorted(tags, key=lambda t: t.tag_id)
    ]
    database.write_now(catalogue.set_coverage, "t1", "city", 7)
    database.write_now(catalogue.delete, "t1", ["gender"])
    stored = database.read_now(catalogue.all, "t1")
    assert (stored["city"].coverage, "gender" in stored) == (7, False)
    assert database.read_now(catalogue.all, "t2") == {}


def test_cuts_are_numbered_and_belong_to_a_version(database):
    store = SqlCutStore()
    first = RfmCuts(Threshold(10), Threshold(20, True), Threshold(-30))
    assert database.write_now(store.add, "t1", "rfm", 1, "r1", NOW, first).number == 1
    second = dataclasses.replace(first, recency=Threshold(11))
    assert database.write_now(store.add, "t1", "rfm", 1, "r2", NOW, second).number == 2
    latest = database.read_now(store.latest, "t1", "rfm", 1)
    assert latest is not None
    assert (latest.cuts, latest.run_id, latest.as_of) == (second, "r2", NOW)
    assert database.read_now(store.latest, "t1", "rfm", 2) is None
    database.write_now(store.drop, "t1", "rfm")
    assert database.read_now(store.latest, "t1", "rfm", 1) is None


def test_runs_are_resources(database):
    runs = SqlRuns()
    first = database.write_now(runs.add, "t1", "r1", "q1", ["a", "b"])
    second = database.write_now(runs.add, "t1", "r2", "q2", [], Cause.EVENT, "order_paid")
    assert (first.cause, second.cause, second.because) == (Cause.REQUEST, Cause.EVENT, "order_paid")
    assert (first.sequence, second.sequence, first.tag_ids) == (1, 2, ("a", "b"))
    assert database.read_now(runs.of_request, "t1", "q1") == first
    assert database.read_now(runs.get, "t1", "r3") is None
    assert [each.run_id for each in database.read_now(runs.page, "t1", None, 5)] == ["r2", "r1"]
    assert [each.run_id for each in database.read_now(runs.page, "t1", 2, 5)] == ["r1"]
    database.write_now(runs.ask_to_stop, "t1", "r1")
    done = dataclasses.replace(
        first,
        state=RunState.FAILED,
        as_of=NOW,
        started_ms=1,
        ended_ms=2,
        coverage={"a": 3},
        failures={"b": Failure(FailureReason.SQL_TIMED_OUT, "x")},
        cpu_ms=70,
        rows_read=900,
        costs={"a": Cost(12, 450)},
    )
    database.write_now(runs.put, "t1", done)
    assert database.read_now(runs.get, "t1", "r1") == dataclasses.replace(done, cancel=True)
    assert database.read_now(runs.unfinished) == [("t1", second)]


def test_computations_record_who_is_touched(database):
    computations = SqlComputations()
    database.write_now(computations.touch, "t1", [9])
    database.write_now(computations.begin, "t1", "c1")
    database.write_now(computations.begin, "t2", "c2")
    database.write_now(computations.touch, "t1", [3, 1])
    database.write_now(computations.touch, "t1", [2, 3])
    assert database.read_now(computations.touched, "t1", "c1").tolist() == [1, 2, 3]
    assert database.read_now(computations.touched, "t2", "c2").tolist() == []
    database.write_now(computations.end, "t1", "c1")
    database.write_now(computations.end, "t1", "c1")
    database.write_now(computations.touch, "t2", [4])
    database.write_now(computations.end_all)
    assert database.read_now(computations.touched, "t2", "c2").tolist() == []


def test_features_and_who_needs_them(database):
    features = SqlFeatures()
    one = Feature("COUNT(search)", "feature:1", Kind.NUMBER, total_count=5)
    two = Feature(
        "LAST(search)", "feature:2", Kind.DATETIME, FeatureState.FAILED, failure="why", unneeded_ms=4
    )
    database.write_now(features.put, "t1", [two, one])
    assert list(database.read_now(features.all, "t1").values()) == [one, two]
    assert database.read_now(features.backfilling) == {"t1": [one]}
    assert database.read_now(features.unneeded, 4) == {}
    assert database.read_now(features.unneeded, 5) == {"t1": [two]}
    live = dataclasses.replace(one, state=FeatureState.LIVE, done_count=5)
    database.write_now(features.put, "t1", [live])
    assert database.read_now(features.all, "t1")[one.form] == live
    database.write_now(features.set_needed, "t1", "segments", [one.form, two.form])
    database.write_now(features.set_needed, "t1", "segments", [two.form, two.form])
    database.write_now(features.set_needed, "t1", "other", [one.form])
    assert database.read_now(features.needed, "t1") == {"other": {one.form}, "segments": {two.form}}
    database.write_now(features.delete, "t1", [two.form])
    assert list(database.read_now(features.all, "t1")) == [one.form]


def test_due_persons_in_order_of_time(database):
    due = SqlDuePersons()
    database.write_now(SqlTenants().ensure, "t1", NOW)
    database.write_now(due.put, "t1", {1: 30, 2: 10, 3: 20, 4: None})
    database.write_now(due.put, "t1", {3: 40, 1: 5})
    assert database.read_now(due.due, 10, 9) == {"t1": [1, 2]}
    assert database.read_now(due.due, 100, 2) == {"t1": [1, 2]}
    assert database.read_now(due.count, "t1", 10) == 2
    database.write_now(due.put, "t1", {1: None, 2: None})
    assert database.read_now(due.due, 39, 9) == {}
