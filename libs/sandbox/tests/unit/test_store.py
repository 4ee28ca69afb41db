"""What is written stays written."""

import contextlib
import sqlite3

import pytest
from sandbox.clock import Clock, ClockFileError
from sandbox.faults import Fault, FaultPlan, Rule
from sandbox.memory import Memory
from sandbox.responses import SeededResponses, Sent, seeded
from sandbox.store import Store


@pytest.mark.parametrize("statement", ["DELETE FROM effects", "UPDATE effects SET key = 'other'"])
def test_effects_cannot_be_changed(tmp_path, statement):
    store = Store(tmp_path)
    store.connection.execute(
        "INSERT INTO effects VALUES (1, 'p', 'a', 'x', 'h', 'k', 'm', 't', 0, 0, 0, 'd', 1, 'o', 0, '')"
    )
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        store.connection.execute(statement)
    store.close()


def test_memory_forgets_on_time(tmp_path, clock):
    store = Store(tmp_path)
    memory = Memory(store, clock)
    memory.put("s", "short", "1", for_s=10)
    memory.put("s", "long", "2")
    clock.at += 9.9
    assert memory.get("s", "short") == "1"
    clock.at += 0.2
    assert memory.get("s", "short") is None
    memory.sweep()
    assert store.connection.execute("SELECT COUNT(*) FROM remembered").fetchone() == (1,)
    assert [memory.next_number("n", 5) for _ in range(3)] == [5, 6, 7]
    store.close()


def test_a_failed_transaction_leaves_nothing(tmp_path, clock):
    store = Store(tmp_path)
    memory = Memory(store, clock)
    with contextlib.suppress(RuntimeError), store.transaction():
        memory.put("s", "n")
        assert memory.get("s", "n") is not None
        raise RuntimeError
    assert memory.get("s", "n") is None
    store.close()


def test_the_clock_follows_its_file_and_survives_its_damage(tmp_path):
    path = tmp_path / "clock.json"
    with pytest.raises(ClockFileError, match=r"clock\.json: cannot be read"):
        Clock(path)
    path.write_text('{"machine_epoch_s": 0}')
    with pytest.raises(ClockFileError, match=r"clock\.json: not a clock file"):
        Clock(path)
    path.write_text('{"machine_epoch_s": 0, "suite_epoch_s": 1000, "speed": 0}')
    clock = Clock(path)
    assert clock.now() == 1000
    assert clock.machine_seconds(1) == float("inf")
    path.write_text('{"machine_epoch_s": 0, "suite_epoch_s": 5000.5, "speed": 0}')
    assert clock.now() == 5000.5
    path.write_text("half a fi")
    assert clock.now() == 5000.5


def test_a_plan_repeats_by_seed_and_stops_at_its_limit():
    rules = (Rule(Fault.SLOW, rate=0.3, limit=5), Rule(Fault.THROTTLE, action="a", calls=(2, 4)))

    def play(seed: int) -> list[str]:
        plan = FaultPlan(seed, rules)
        hits = [plan.next("p", "a") for _ in range(50)]
        return [hit.fault.value if hit else "" for hit in hits]

    assert play(1) == play(1)
    assert play(1) != play(2)
    assert play(1).count("slow") == 5
    assert set(play(3)) == {"", "slow", "throttle"}


def test_seeded_responses_repeat_and_keep_their_shares():
    people = [
        Sent("sms", "aliyun_sms", f"138{number:08}", "b", "text", marketing=True, at_epoch_s=0.0)
        for number in range(4_000)
    ]
    responses = seeded({"seed": 3, "refused_share": 0.1})
    got = [responses.respond(sent) for sent in people]
    assert got == [SeededResponses(seed=3, refused_share=0.1).respond(sent) for sent in people]
    delivered = [response for response in got if response.delivered]
    assert 0.96 < len(delivered) / len(got) < 0.98
    assert 0.08 < sum(response.reply == "R" for response in delivered) / len(delivered) < 0.12
    with pytest.raises(ValueError, match="unknown settings speed"):
        seeded({"speed": 1})
