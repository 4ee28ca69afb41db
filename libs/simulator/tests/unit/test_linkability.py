"""A correct deterministic linker can reach what the demo promises, and a careless one cannot."""

from pathlib import Path


def test_a_linker_that_knows_what_is_shared_reaches_the_promised_recall(linker, default: Path):
    reached = linker.by_truth(default)
    assert reached.precision == 1.0
    assert reached.recall >= 0.965


def test_a_linker_that_sees_only_the_records_reaches_the_promise(linker, default: Path):
    reached = linker.by_observation(default)
    assert reached.precision >= 0.9995
    assert reached.recall >= 0.965


def test_linking_through_shared_phones_and_devices_collapses_persons(linker, default: Path):
    assert linker.naive(default).precision < 0.5
