"""Registers how many examples properties run: 50 by default, 500 with HUAXIANG_PROOF=1."""

import os

from hypothesis import HealthCheck, settings

pytest_plugins = ["servicekit.testing.databases", "servicekit.testing.migrated"]

settings.register_profile(
    "default", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("proof", max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile("proof" if os.environ.get("HUAXIANG_PROOF") == "1" else "default")
