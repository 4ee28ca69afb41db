"""What is printed to be pasted does what it says in a shell."""

import shlex
import stat
import sys
from pathlib import Path

import pytest
from cli.demo.narration import Narration
from cli.invocation import to_paste

WORDS = ["portrait", "member_id=M1", "--folder", "a folder/it's", "rule = 'x'", "$HOME \"`ls`'", "中 文"]


@pytest.mark.parametrize("called", ["huaxiang", "/opt/of mine/huaxiang", ".venv/bin/huaxiang"])
def test_a_shell_reads_the_words_back(monkeypatch: pytest.MonkeyPatch, called: str) -> None:
    monkeypatch.setattr(sys, "argv", [called, "demo"])
    monkeypatch.setenv("PATH", "")
    assert shlex.split(to_paste(*WORDS)) == [called, *WORDS]


def test_a_rule_stays_readable() -> None:
    assert to_paste("segments", "preview", "a = 'b'").endswith("segments preview \"a = 'b'\"")


def test_a_program_on_the_path_has_its_short_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "huaxiang"
    program.write_text("#!/bin/sh\n")
    program.chmod(stat.S_IRWXU)
    monkeypatch.setattr(sys, "argv", [str(program)])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert to_paste("down") == "huaxiang down"
    monkeypatch.setenv("PATH", "/nowhere")
    assert to_paste("down") == f"{program} down"


def test_called_as_a_module_it_is_pasted_as_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/somewhere/cli/__main__.py"])
    assert to_paste("down") == f"{sys.executable} -m cli down"


def _fail(say: Narration) -> None:
    with say.step("Fail", "败"):
        say.line("as far as it came")
        raise ValueError("no")


def test_a_step_says_its_title_before_its_facts(capsys: pytest.CaptureFixture[str]) -> None:
    say = Narration(2)
    with say.step("Count", "数"):
        say.line("three of them")
    with pytest.raises(ValueError, match="no"):
        _fail(say)
    said = [line.strip() for line in capsys.readouterr().err.splitlines()]
    assert said[0].startswith("[ 1/2] Count 数")
    assert said[1] == "three of them"
    assert said[2].startswith("[ 2/2] Fail 败")
    assert said[3] == "as far as it came"
