"""The environment and the accounts file: every fault at once, never a value."""

import base64
import secrets
from pathlib import Path

import pytest
import yaml
from activation.app.accounts import Timings
from activation.config import Config, read_accounts
from activation.main import _read_files
from servicekit.config import ConfigError, read

GOOD = {
    "channel": "aliyun_sms",
    "access_key_id": "id",
    "access_key_secret": "secret-value",
    "receipts_secret": "path-value",
}


def written(folder: Path, *accounts: dict[str, object]) -> Path:
    file = folder / "accounts.yaml"
    named = {f"a{place}": account for place, account in enumerate(accounts)}
    file.write_text(yaml.safe_dump({"accounts": named}))
    return file


def test_an_account_states_its_own_timings_and_rate(tmp_path: Path) -> None:
    file = written(tmp_path, GOOD, {**GOOD, "settle_s": 5, "polls": 3, "max_calls_per_s": 7})
    default = Timings(poll_s=11.0)
    plain, own = read_accounts(file, default).values()
    assert plain.timings == default
    assert (own.timings, own.calls_per_s) == (Timings(settle_s=5, poll_s=11.0, polls=3), 7)
    assert "secret-value" not in repr(plain)
    assert "path-value" not in repr(plain)


def test_a_secret_may_lie_in_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-file\n")
    account = {**GOOD, "access_key_secret_file": "key"}
    del account["access_key_secret"]
    (read,) = read_accounts(written(tmp_path, account), Timings()).values()
    assert read.credentials["access_key_secret"] == "from-file"


def test_every_fault_of_every_account_is_named_without_its_value(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        {**GOOD, "max_calls_per_s": 0, "poll_s": "soon", "colour": "hush"},
        {"channel": "pigeon"},
        {"channel": "jpush", "app_key": "k"},
    )
    with pytest.raises(ConfigError) as raised:
        read_accounts(file, Timings())
    said = str(raised.value)
    for fault in (
        "accounts.a0.max_calls_per_s: is not between",
        "accounts.a0.poll_s: is not a number",
        "accounts.a0.colour: is no setting",
        "accounts.a1.channel: is none of",
        "accounts.a2.master_secret: is missing",
        "accounts.a2.receipts_secret: is missing",
    ):
        assert fault in said
    assert "secret-value" not in said
    assert "hush" not in said


def test_an_account_whose_provider_tells_nothing_needs_no_place_for_receipts(tmp_path: Path) -> None:
    silent = {"channel": "fcm", "service_account": "{}"}
    plain, stated = read_accounts(
        written(tmp_path, silent, {**silent, "receipts_secret": "path-value"}), Timings()
    ).values()
    assert (plain.receipts_secret, stated.receipts_secret) == ("", "path-value")


@pytest.mark.parametrize("content", ["", "- a", "accounts: {}", "a: ["])
def test_a_file_without_accounts_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "accounts.yaml"
    file.write_text(content)
    with pytest.raises(ConfigError, match="accounts"):
        read_accounts(file, Timings())


def environment(folder: Path) -> dict[str, str]:
    return {
        "HUAXIANG_KEYS": str(folder / "keys"),
        "HUAXIANG_SERVICE_KEY_FILE": str(folder / "service.key"),
        "HUAXIANG_ACTIVATION_SECRET_FILE": str(folder / "secret"),
        "HUAXIANG_ACTIVATION_ACCOUNTS": str(folder / "accounts.yaml"),
    }


def test_faults_of_the_files_are_told_together(tmp_path: Path) -> None:
    written(tmp_path, {"channel": "jpush"})
    (tmp_path / "secret").write_text(base64.b64encode(secrets.token_bytes(8)).decode())
    with pytest.raises(ConfigError) as raised:
        _read_files(read(Config, environment(tmp_path)))
    assert len(raised.value.problems) == 5  # three of the account, the secret, the key
    assert any("holds less than 32 bytes" in problem for problem in raised.value.problems)


def test_faults_of_the_environment_are_told_together() -> None:
    with pytest.raises(ConfigError) as raised:
        read(Config, {"HUAXIANG_FAILPOINT": "here", "HUAXIANG_ACTIVATION_LEASE_S": "0"})
    assert len(raised.value.problems) == 6
