"""How many examples properties run: 50 by default, 500 with HUAXIANG_PROOF=1. Garbage is not looked for while tests
are collected, and seldom while they run: a twentieth of their time."""

import gc
import os
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["servicekit.testing.databases", "servicekit.testing.migrated"]

THRESHOLDS = (100_000, 50, 100)
"""Objects made, and collections of the generation before, until garbage is looked for."""

settings.register_profile(
    "default", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("proof", max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile("proof" if os.environ.get("HUAXIANG_PROOF") == "1" else "default")


def pytest_configure() -> None:
    """Suites of tests need no kernels at once: whoever tests kernels compiles them."""
    os.environ["HUAXIANG_COMPILE_AHEAD"] = "0"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    """Modules and items stay to the end: the collector would go through them again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()
        gc.set_threshold(*THRESHOLDS)


def pytest_unconfigure() -> None:
    """So that what was imported is let go of in order when the process ends."""
    gc.unfreeze()
