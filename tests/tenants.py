"""Several files of tests on one suite: each acts for a tenant of its own, through a folder that commands take for a
suite's."""

import secrets
import time
from dataclasses import replace

from cli.suite.folder import SuiteFolder
from servicekit.principal import FILE_CHECK_INTERVAL_S, key_entry, read_key_file, write_key_file
from suite_process import SuiteProcess

STORY_ENDS = "2026-07-01T10:00:00+08:00"
"""Where the clock of a shared suite starts: at the end of the README's story."""
READ_AGAIN_S = FILE_CHECK_INTERVAL_S + 0.1
"""After so long services know a key that was added."""


def tenant_of(suite: SuiteProcess, tenant: str) -> SuiteProcess:
    """The suite as a new tenant sees it, as that tenant's admin. It is not to be stopped or started."""
    folder = SuiteFolder(suite.folder.root / "tenants" / tenant)
    folder.secrets.mkdir(parents=True)
    for name in ("keys", "service_key", "state", "data", "logs", "trace"):
        getattr(folder, name).symlink_to(getattr(suite.folder, name))
    seen = replace(suite, folder=folder, tenant=tenant)
    folder.admin_key.write_text(add_key(seen, "admin", "admin"), encoding="ascii")
    time.sleep(READ_AGAIN_S)
    return seen


def add_key(suite: SuiteProcess, subject: str, *roles: str) -> str:
    """A key for somebody of the suite's tenant, known after READ_AGAIN_S."""
    key = secrets.token_urlsafe()
    known = suite.folder.keys.resolve()
    added = key_entry(key, tenant=suite.tenant, subject=subject, roles=roles)
    write_key_file(known, [*read_key_file(known), added])
    return key
