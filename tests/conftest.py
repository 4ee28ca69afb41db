"""The suite that files of tests share, and who runs them: one worker, so that there is one such suite."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))

if TYPE_CHECKING:  # who distributes the tests imports nothing of the suite
    from suite_process import SuiteProcess

ENVIRONMENT = {"HUAXIANG_ERASE_FILES_AFTER_S": "0", "HUAXIANG_LAKE_READERS_S": "0"}
"""Erased persons leave the files at once."""
SHARING = frozenset(
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


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object | None:
    """Distributes files, with those that share a suite as one."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class SharedSuiteScheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return "shared suite" if file in SHARING else file

    return SharedSuiteScheduling(config, log)
