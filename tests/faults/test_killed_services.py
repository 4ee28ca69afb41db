"""Each service is killed in the middle of its work and started again: the end is that of a run left alone."""

import asyncio
import os
import random
from dataclasses import dataclass, fields
from pathlib import Path

import pytest
from cli.demo.steps import STEPS
from story import DEMO_PERSONS, TOLD, Story, Truth

PROOF = os.environ.get("HUAXIANG_PROOF") == "1"
PERSONS = 20_000 if PROOF else DEMO_PERSONS
"""At full counts the demo itself."""
BLOWS = {
    "identity": ("import", 1_000),
    "segments": ("import", 2_000),
    "tagging": ("run", 0),
    "activation": ("sending", 0),
}
"""When each is killed: the step, and how much of its work is done. A run of tags has begun when it is killed because
tagging computes at once what was imported."""
SERVICES = tuple(BLOWS)
ROUNDS = 3
LATEST_S = 4.0


@dataclass
class Killer:
    """Kills each service once, at its moment."""

    story: Story | None = None
    killed: tuple[str, ...] = ()

    def strike(self, step: str, done: int) -> None:
        assert self.story is not None
        for service, moment in BLOWS.items():
            if service not in self.killed and step == moment[0] and done >= moment[1]:
                self.killed += (service,)
                self.story.suite.kill(service)


@dataclass
class RandomKiller:
    """Kills a service at a random moment of each step, whatever it does."""

    draw: random.Random
    story: Story | None = None
    killed: tuple[str, ...] = ()

    def strike(self, step: str, done: int) -> None:
        if done == 0 and step not in {"start", *TOLD}:
            service, after_s = self.draw.choice(SERVICES), self.draw.uniform(0, LATEST_S)
            asyncio.get_running_loop().call_later(after_s, self._kill, service)

    def _kill(self, service: str) -> None:
        assert self.story is not None
        if self.story.suite.serves(service):
            self.story.suite.kill(service)
            self.killed += (service,)


@pytest.fixture(scope="module")
def undisturbed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Truth:
    if PERSONS == DEMO_PERSONS:
        truth: Truth = request.getfixturevalue("told")[1]
        return truth
    return Story(tmp_path_factory.mktemp("undisturbed"), PERSONS).tell()


def test_the_story_is_worth_telling(undisturbed: Truth) -> None:
    """Or the comparisons would compare nothing."""
    assert len(undisturbed.persons) > PERSONS * 0.8
    assert all(undisturbed.members.values())
    states = {state for each in undisturbed.deliveries.values() for state, _ in each.values()}
    assert "DELIVERY_STATE_DELIVERED" in states
    assert sum(len(values) for values in undisturbed.values.values()) > PERSONS * 10


def test_killed_services_end_where_others_do(undisturbed: Truth, tmp_path: Path) -> None:
    killer = Killer()
    killer.story = Story(tmp_path, PERSONS, killer.strike)
    truth = killer.story.tell()
    assert set(killer.killed) == set(SERVICES)
    assert {name: killer.story.restarts[name] for name in SERVICES} == dict.fromkeys(SERVICES, 1)
    same(truth, undisturbed)


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(ROUNDS))
def test_services_killed_at_random_end_where_others_do(undisturbed: Truth, tmp_path: Path, seed: int) -> None:
    killer = RandomKiller(random.Random(seed))
    killer.story = Story(tmp_path, PERSONS, killer.strike)
    truth = killer.story.tell()
    assert len(killer.killed) > len(STEPS) / 2
    same(truth, undisturbed)


def same(truth: Truth, expected: Truth) -> None:
    """Part by part, so that a failure says which differs."""
    for part in fields(Truth):
        assert getattr(truth, part.name) == getattr(expected, part.name), part.name
