"""A key file that cannot be used stops the service at its start, with a clear word and nothing written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from identity.store.keyring import add_key
from identity.store.vault import write_secret_file
from servicekit.principal import write_key_file

START_S = 60.0


def spoil(path: Path, how: str) -> None:
    if how == "missing":
        path.unlink()
    elif how == "open":
        path.chmod(0o604)
    elif how == "corrupt":
        path.write_bytes(b"\x00\xffgarbage")
    else:
        path.write_bytes(b"")


@pytest.mark.parametrize("how", ["missing", "open", "corrupt", "empty"])
@pytest.mark.parametrize("which", ["identity.secret", "sealing.keys"])
def test_an_unusable_key_file_stops_the_start(tmp_path: Path, which: str, how: str) -> None:
    write_key_file(tmp_path / "keys.yaml", [])
    write_secret_file(tmp_path / "identity.secret")
    add_key(tmp_path / "sealing.keys")
    before = {name: (tmp_path / name).read_bytes() for name in ("identity.secret", "sealing.keys")}
    spoil(tmp_path / which, how)
    environment = os.environ | {
        "HUAXIANG_DATA": str(tmp_path / "data"),
        "HUAXIANG_KEYS": str(tmp_path / "keys.yaml"),
        "HUAXIANG_IDENTITY_SECRET_FILE": str(tmp_path / "identity.secret"),
        "HUAXIANG_IDENTITY_SEALING_KEYS": str(tmp_path / "sealing.keys"),
        "HUAXIANG_IDENTITY_PORT": "0",
    }
    done = subprocess.run(
        [sys.executable, "-m", "identity"],
        env=environment,
        capture_output=True,
        timeout=START_S,
        check=False,
        text=True,
    )
    assert done.returncode == 78
    assert which in done.stderr
    assert "backup" in done.stderr or "chmod 600" in done.stderr
    for secret in before.values():
        assert secret.strip().split()[-1].decode() not in done.stderr
    assert not (tmp_path / "data").exists()
