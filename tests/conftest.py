"""What files of tests share, and who runs them: one worker, so that there is one of it."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))

if TYPE_CHECKING:  # who distributes the tests imports nothing of the suite
    from story import Story, Truth
    from suite_process import SuiteProcess

ENVIRONMENT = {"HUAXIANG_ERASE_FILES_AFTER_S": "0", "HUAXIANG_LAKE_READERS_S": "0"}
"""Erased persons leave the files at once."""
SHARING_A_SUITE = frozenset(
    {
        "tests/e2e/test_bad_input.py",
        "tests/e2e/test_commands.py",
        "tests/e2e/test_documents.py",
        "tests/e2e/test_portraits.py",
        "tests/e2e/test_privacy.py",
        "tests/e2e/test_read_your_write.py",
        "tests/e2e/test_tag_review.py",
        "tests/e2e/test_trace.py",
        "tests/e2e/test_undo.py",
        "tests/faults/test_bootstrap.py",
    }
)
"""The files whose tests use `shared`."""
SHARING_A_STORY = frozenset({"tests/e2e/test_demo.py", "tests/faults/test_killed_services.py"})
"""The files whose tests use `told`."""


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[SuiteProcess]":
    """A suite that nobody stops, stands at the end of the README's story, and traces everything."""
    from suite_process import suite_process
    from tenants import STORY_ENDS

    root = tmp_path_factory.mktemp("shared")
    with suite_process(root, "--trace", now=STORY_ENDS, environment=ENVIRONMENT) as started:
        yield started


@pytest.fixture(scope="module")
def suite(shared: "SuiteProcess", request: pytest.FixtureRequest) -> "SuiteProcess":
    """The shared suite for a tenant of the file's own."""
    from tenants import tenant_of

    return tenant_of(shared, request.module.__name__.rpartition(".")[2].removeprefix("test_"))


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> "tuple[Story, Truth]":
    """The whole demo of a small world that nobody disturbed, and what was true in the end."""
    from story import DEMO_PERSONS, Story

    story = Story(tmp_path_factory.mktemp("told") / "small", DEMO_PERSONS, omitted=frozenset())
    return story, story.tell()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object | None:
    """Distributes files, those that share something as one."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class SharedSuiteScheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            if file in SHARING_A_SUITE:
                return "shared suite"
            return "shared story" if file in SHARING_A_STORY else file

    return SharedSuiteScheduling(config, log)
