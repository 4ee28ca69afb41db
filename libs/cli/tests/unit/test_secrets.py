"""Keys and secrets: for the owner's eyes, equal for equal seeds, never overwritten; files that fit each other."""

import stat
from pathlib import Path

import pytest
import yaml
from cli.exits import Refusal
from cli.suite.folder import SuiteFolder
from cli.suite.programs import Ports, programs
from cli.suite.providers import SMS_ACCOUNT, write_provider_files
from cli.suite.secrets import create_secrets, derived, read_secret
from sandbox import settings
from servicekit.principal import KeyFileAuthenticator, read_key_file, write_key_file


def files_of(folder: SuiteFolder) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.secrets.iterdir())}


def test_secrets_are_for_the_owner_only(tmp_path: Path) -> None:
    folder = SuiteFolder(tmp_path)
    assert create_secrets(folder)
    write_provider_files(folder, Ports())
    assert stat.S_IMODE(folder.secrets.stat().st_mode) == 0o700
    assert {
        path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.secrets.iterdir()
    } == dict.fromkeys(
        [
            "accounts.yaml",
            "activation.secret",
            "admin.key",
            "identity.secret",
            "keys.yaml",
            "sandbox.yaml",
            "service.key",
        ],
        0o600,
    )


def test_a_seed_makes_the_same_secrets_and_no_seed_others(tmp_path: Path) -> None:
    made = []
    for name, seed in (("a", 7), ("b", 7), ("c", 8), ("d", None), ("e", None)):
        folder = SuiteFolder(tmp_path / name)
        create_secrets(folder, seed)
        made.append(read_secret(folder.identity_secret))
    assert made[0] == made[1]
    assert len(set(made)) == 4


def test_what_is_there_is_never_overwritten(tmp_path: Path) -> None:
    folder = SuiteFolder(tmp_path)
    create_secrets(folder)
    before = files_of(folder)
    assert create_secrets(folder, seed=1) is False
    assert files_of(folder) == before


def test_the_key_file_holds_no_key_and_knows_both(tmp_path: Path) -> None:
    folder = SuiteFolder(tmp_path)
    create_secrets(folder)
    text = folder.keys.read_text()
    admin, service = read_secret(folder.admin_key), read_secret(folder.service_key)
    assert admin not in text
    assert service not in text
    authenticator = KeyFileAuthenticator(folder.keys)
    found = authenticator.authenticate({"authorization": f"Bearer {admin}"})
    assert (found.subject, found.tenant, found.is_service) == ("admin", "default", False)
    assert authenticator.authenticate({"authorization": f"Bearer {service}"}).is_service


def test_a_missing_secret_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="huaxiang init"):
        read_secret(tmp_path / "none")


def test_the_sandbox_takes_its_settings_and_fits_the_accounts(tmp_path: Path) -> None:
    folder, ports = SuiteFolder(tmp_path), Ports(8100)
    create_secrets(folder, 1)
    write_provider_files(folder, ports, {"receipts": {"delay_s": 3}, "aliyun_sms": {"query_lag_s": 9}})
    written = yaml.safe_load(folder.sandbox_settings.read_text())
    assert written["receipts"] == {"delay_s": 3}
    assert written["aliyun_sms"]["query_lag_s"] == 9
    assert written["aliyun_sms"]["signs"]
    settings.read(written)
    account = yaml.safe_load(folder.accounts.read_text())["accounts"][SMS_ACCOUNT]
    sandbox = written["aliyun_sms"]["accounts"][0]
    assert account["access_key_secret"] == sandbox["access_key_secret"]
    assert account["base_url"] == "http://127.0.0.1:8401"
    assert sandbox["receipts_url"].endswith(f":8204/receipts/{SMS_ACCOUNT}/{account['receipts_secret']}")


def test_every_account_has_a_provider_on_a_port_of_its_own(tmp_path: Path) -> None:
    folder, ports = SuiteFolder(tmp_path), Ports(8100)
    create_secrets(folder, 1)
    write_provider_files(folder, ports)
    served = settings.read(yaml.safe_load(folder.sandbox_settings.read_text())).providers
    accounts = yaml.safe_load(folder.accounts.read_text())["accounts"]
    for account in accounts.values():
        provider = settings.PORTS[int(account["base_url"].rpartition(":")[2]) - ports.sandbox]
        assert provider in served
        assert provider == account["channel"] or account["channel"].startswith(f"{provider}_")
    assert ports.sandboxes == tuple(ports.sandbox + place for place in range(1 + len(served)))
    assert settings.PORTS[1 : 1 + len(served)] == tuple(served)


def test_derived_credentials_depend_on_secret_and_name() -> None:
    assert len({derived("a", "x"), derived("a", "y"), derived("b", "x")}) == 3
    assert derived("a", "x") == derived("a", "x")


def test_every_program_hears_of_all_targets_and_files(tmp_path: Path) -> None:
    folder = SuiteFolder(tmp_path)
    found = programs(folder, Ports(8100), sandbox=True, trace=True, own_clock=True, extra={"X": "1"})
    assert [each.name for each in found] == ["sandbox", "identity", "tagging", "segments", "activation"]
    environment = found[2].environment
    assert environment["HUAXIANG_IDENTITY_TARGET"] == "127.0.0.1:8101"
    assert environment["HUAXIANG_CLOCK"] == str(tmp_path / "clock.json")
    assert environment["HUAXIANG_TRACE_FILE"] == str(tmp_path / "trace.jsonl")
    assert environment["X"] == "1"
    assert [each.ready_port for each in found] == [8400, 8101, 8102, 8103, 8104]


def test_accounts_follow_the_ports_until_somebody_edits_them(tmp_path: Path) -> None:
    folder = SuiteFolder(tmp_path)
    create_secrets(folder)
    write_provider_files(folder, Ports(8100))
    write_provider_files(folder, Ports(9100))
    assert "127.0.0.1:9401" in folder.accounts.read_text()
    edited = folder.accounts.read_text().replace("http://127.0.0.1:9401", "https://sms.example.com")
    folder.accounts.write_text(edited)
    write_provider_files(folder, Ports(8100))
    assert folder.accounts.read_text() == edited
    assert ":8204/" in folder.sandbox_settings.read_text()


def test_accounts_written_by_hand_stay(tmp_path: Path) -> None:
    folder = SuiteFolder(tmp_path)
    create_secrets(folder)
    by_hand = "accounts: {}  # 商城\n".encode("gb18030")
    folder.accounts.write_bytes(by_hand)
    write_provider_files(folder, Ports())
    assert folder.accounts.read_bytes() == by_hand


def test_a_key_that_was_lost_is_made_anew_and_known(tmp_path: Path) -> None:
    folder = SuiteFolder(tmp_path)
    create_secrets(folder)
    lost, service = read_secret(folder.admin_key), read_secret(folder.service_key)
    folder.admin_key.unlink()
    assert create_secrets(folder)
    made = read_secret(folder.admin_key)
    assert made != lost
    authenticator = KeyFileAuthenticator(folder.keys)
    for key in (made, service):
        authenticator.authenticate({"authorization": f"Bearer {key}"})


def test_a_key_that_was_taken_out_of_the_key_file_stays_out(tmp_path: Path) -> None:
    folder = SuiteFolder(tmp_path)
    create_secrets(folder)
    kept = read_key_file(folder.keys)[1:]
    write_key_file(folder.keys, kept)
    assert create_secrets(folder) is False
    assert read_key_file(folder.keys) == kept


def test_a_damaged_key_is_told_as_such(tmp_path: Path) -> None:
    folder = SuiteFolder(tmp_path)
    create_secrets(folder)
    folder.admin_key.write_bytes(b"caf\xe9")
    with pytest.raises(Refusal, match="is damaged"):
        read_secret(folder.admin_key)
