"""A Config is read once, frozen, with every fault told at once and no secret told at all."""

from dataclasses import FrozenInstanceError, dataclass
from pathlib import Path

import pytest
from servicekit.config import ConfigError, flag, integer, number, one_of, path, read, setting, text, words


@dataclass(frozen=True)
class Example:
    port: int = setting("X_PORT", integer(1, 65535), default=7101)
    keys: Path = setting("X_KEYS", path)
    pepper: str = setting("X_PEPPER", text, secret=True)
    sync: str = setting("X_SYNC", one_of("FULL", "NORMAL"), default="FULL")
    ratio: float = setting("X_RATIO", number(0, 1), default=0.05)
    trace: bool = setting("X_TRACE", flag, default=False)
    consumers: tuple[str, ...] = setting("X_CONSUMERS", words, factory=tuple)
    not_from_environment: int = 3


GOOD = {"X_KEYS": "~/keys.yaml", "X_PEPPER": "p3pper"}


def test_values_are_parsed_and_defaults_used():
    config = read(Example, {**GOOD, "X_PORT": "80", "X_TRACE": "yes", "X_CONSUMERS": "tagging, activation"})
    assert config.port == 80
    assert config.keys == Path.home() / "keys.yaml"
    assert config.trace is True
    assert config.consumers == ("tagging", "activation")
    assert (config.sync, config.ratio, config.not_from_environment) == ("FULL", 0.05, 3)
    with pytest.raises(FrozenInstanceError):
        config.port = 1


def test_all_faults_are_told_together():
    with pytest.raises(ConfigError) as refused:
        read(
            Example,
            {"X_PORT": "0", "X_SYNC": "OFF", "X_RATIO": "2", "X_TRACE": "perhaps", "X_KEYS": ""},
        )
    assert refused.value.problems == (
        "X_PORT: '0' is not between 1 and 65535",
        "X_KEYS is required and not set",
        "X_PEPPER is required and not set",
        "X_SYNC: 'OFF' is none of FULL, NORMAL",
        "X_RATIO: '2' is not between 0 and 1",
        "X_TRACE: 'perhaps' is neither yes nor no",
    )
    with pytest.raises(ConfigError, match="'many' is not a whole number"):
        read(Example, {**GOOD, "X_PORT": "many"})


def test_a_secret_is_never_shown():
    assert "p3pper" not in repr(read(Example, GOOD))

    @dataclass(frozen=True)
    class Strict:
        key: int = setting("X_KEY", integer(1, 2), secret=True)

    with pytest.raises(ConfigError) as refused:
        read(Strict, {"X_KEY": "hunter2"})
    assert "hunter2" not in str(refused.value)


def test_what_may_hold_a_password_is_not_shown_either():
    @dataclass(frozen=True)
    class Stored:
        url: str = setting("X_URL", one_of("memory"), default="memory", hidden=True)

    with pytest.raises(ConfigError) as caught:
        read(Stored, {"X_URL": "reds://:hunter2@cache"})
    assert str(caught.value).endswith("X_URL: its value is none of memory")
    assert "memory" not in repr(read(Stored, {}))


def test_a_secret_has_no_default():
    for default in ({"default": "x"}, {"factory": str}):
        with pytest.raises(ValueError, match="no secret has a default"):
            setting("X_KEY", text, secret=True, **default)
