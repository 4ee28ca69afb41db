"""One folder holds everything of a suite on this machine: secrets, data, logs, state."""

import os
from dataclasses import dataclass
from pathlib import Path

DEFAULT_FOLDER = Path("var/huaxiang")
FOLDER_VARIABLE = "HUAXIANG_FOLDER"


@dataclass(frozen=True)
class SuiteFolder:
    """Paths below the root; nothing is created by naming them."""

    root: Path

    @classmethod
    def chosen(cls, given: Path | None) -> "SuiteFolder":
        """The given folder, else HUAXIANG_FOLDER, else var/huaxiang."""
        return cls((given or Path(os.environ.get(FOLDER_VARIABLE) or DEFAULT_FOLDER)).absolute())

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def keys(self) -> Path:
        return self.secrets / "keys.yaml"

    @property
    def admin_key(self) -> Path:
        return self.secrets / "admin.key"

    @property
    def service_key(self) -> Path:
        return self.secrets / "service.key"

    @property
    def identity_secret(self) -> Path:
        return self.secrets / "identity.secret"

    @property
    def activation_secret(self) -> Path:
        return self.secrets / "activation.secret"

    @property
    def accounts(self) -> Path:
        return self.secrets / "accounts.yaml"

    @property
    def sandbox_settings(self) -> Path:
        return self.secrets / "sandbox.yaml"

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def lake(self) -> Path:
        return self.data / "tagging" / "lake"

    @property
    def numba(self) -> Path:
        """Compiled kernels: where NUMBA_CACHE_DIR says, else here."""
        return Path(os.environ.get("NUMBA_CACHE_DIR") or self.data / "numba")

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def clock(self) -> Path:
        return self.root / "clock.json"

    @property
    def trace(self) -> Path:
        return self.root / "trace.jsonl"

    @property
    def state(self) -> Path:
        return self.root / "suite.json"
