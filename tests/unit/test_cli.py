from pathlib import Path

import pytest

from gateway.cli import main
from gateway.keys import OPERATOR, READ, TRADE, Keys
from gateway.problems import Problem


@pytest.fixture(autouse=True)
def somewhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRADEPOST_DATA_DIR", str(tmp_path / "data"))


def run(*arguments: str) -> int:
    """Run a command and return its exit code, also when the parser ends the program."""
    try:
        return main(arguments)
    except SystemExit as end:
        return int(str(end.code))


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, ["COMMAND", "--help"]),
        (["sell"], 2, ["sell"]),
        (["serve", "--prot", "5"], 2, ["--prot"]),
        (["serve", "--port", "lots"], 2, ["--port", "lots"]),
        (["serve", "--config", "missing.toml"], 2, ["missing.toml"]),
        (["demo", "--config", "x.toml"], 2, ["--config"]),
        (["keys", "create"], 2, ["account"]),
        (["keys", "create", "al ice"], 1, ["account"]),
        (["keys", "create", "alice", "--scopes", "root"], 1, ["scopes"]),
        (["keys", "revoke", "key_0"], 1, ["key_0"]),
    ],
)
def test_a_mistake_is_one_line_on_standard_error(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, words: list[str]
) -> None:
    assert run(*arguments) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.startswith("tradepost")
    for word in words:
        assert word in said.err


def test_a_new_key_alone_is_on_standard_output_so_that_a_script_can_take_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run("keys", "create", "alice") == 0
    said = capsys.readouterr()
    key = said.out.removesuffix("\n")
    assert "alice" in said.err
    assert key not in said.err
    keys = Keys(tmp_path / "data")
    assert {keys.authenticate(f"Bearer {key}", scope) for scope in (READ, TRADE)} == {"alice"}
    with pytest.raises(Problem):
        keys.authenticate(f"Bearer {key}", OPERATOR)


def test_keys_are_listed_without_themselves_and_revoked_by_their_id(capsys: pytest.CaptureFixture[str]) -> None:
    run("keys", "create", "alice", "--scopes", "read")
    key = capsys.readouterr().out.strip()
    assert run("keys", "list") == 0
    (line,) = capsys.readouterr().out.splitlines()
    key_id, account, scopes, _ = line.split()
    assert (account, scopes) == ("alice", "read")
    assert key not in line
    assert run("keys", "revoke", key_id) == 0
    run("keys", "list")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "arguments", [["--help"], ["serve", "--help"], ["demo", "--help"], ["keys", "create", "--help"]]
)
def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert run(*arguments) == 0
    assert "usage: tradepost" in capsys.readouterr().out


def test_the_version_is_that_of_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out.startswith("tradepost 0")
