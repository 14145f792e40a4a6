import json
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest

from actors.errors import ConfigurationError
from gateway.keys import LOOK_AGAIN_S, OPERATOR, OPERATOR_KEY_ID, READ, SCOPES, TRADE, Keys
from gateway.problems import Problem


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(tmp_path: Path, clock: Clock) -> Keys:
    return Keys(tmp_path / "data", clock)


def stored(tmp_path: Path) -> str:
    return (tmp_path / "data" / "keys.json").read_text("utf-8")


def code_of(keys: Keys, authorization: str | None, scope: str = READ) -> str:
    with pytest.raises(Problem) as caught:
        keys.authenticate(authorization, scope)
    return caught.value.code


def test_a_key_opens_its_account_for_its_scopes_and_no_others(keys: Keys) -> None:
    _, text = keys.create("alice", (READ,))
    assert keys.authenticate(f"Bearer {text}", READ) == "alice"
    assert code_of(keys, f"Bearer {text}", TRADE) == "forbidden"
    assert code_of(keys, f"Bearer {text}", OPERATOR) == "forbidden"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_written_in_any_case(keys: Keys, scheme: str) -> None:
    _, text = keys.create("alice", (READ,))
    assert keys.authenticate(f"{scheme} {text}", READ) == "alice"


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ", "Basic YTpi", "Bearer tp_wrong", "\udcff" * 9]
)
def test_without_a_known_key_nobody_is_let_in(keys: Keys, authorization: str | None) -> None:
    keys.create("alice", (READ,))
    assert code_of(keys, authorization) == "unauthorized"


def test_only_the_digest_of_a_key_is_stored_and_only_for_this_user(tmp_path: Path, keys: Keys) -> None:
    key, text = keys.create("alice", (TRADE, READ))
    assert text not in stored(tmp_path)
    assert text.removeprefix("tp_") not in stored(tmp_path)
    assert json.loads(stored(tmp_path))["keys"][0]["digest"] == sha256(text.encode()).hexdigest()
    assert key.scopes == (READ, TRADE)
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "data").iterdir()} == {0o600}


def test_keys_are_long_and_never_the_same(keys: Keys) -> None:
    texts = {keys.create("alice", (READ,))[1] for _ in range(20)}
    assert len(texts) == 20
    assert min(map(len, texts)) == len("tp_") + 43


def test_a_key_that_another_process_makes_is_known_at_once(tmp_path: Path, keys: Keys) -> None:
    _, mine = keys.create("alice", (READ,))
    keys.authenticate(f"Bearer {mine}", READ)
    _, theirs = Keys(tmp_path / "data").create("bob", (READ,))
    assert keys.authenticate(f"Bearer {theirs}", READ) == "bob"
    assert keys.authenticate(f"Bearer {mine}", READ) == "alice"


def test_a_key_that_another_process_revokes_is_refused_after_the_next_look(
    tmp_path: Path, keys: Keys, clock: Clock
) -> None:
    key, text = keys.create("alice", (READ,))
    Keys(tmp_path / "data").revoke(key.key_id)
    clock.now_s += LOOK_AGAIN_S
    assert code_of(keys, f"Bearer {text}") == "unauthorized"


def test_a_key_that_this_process_revokes_is_refused_at_once(keys: Keys) -> None:
    key, text = keys.create("alice", (READ,))
    other, kept = keys.create("alice", (READ,))
    keys.revoke(key.key_id)
    assert code_of(keys, f"Bearer {text}") == "unauthorized"
    assert keys.authenticate(f"Bearer {kept}", READ) == "alice"
    assert keys.list() == (other,)


def test_what_is_not_there_cannot_be_revoked(keys: Keys) -> None:
    keys.create("alice", (READ,))
    with pytest.raises(Problem) as caught:
        keys.revoke("key_0")
    assert caught.value.code == "unknown_key"
    assert len(keys.list()) == 1


@pytest.mark.parametrize("account", ["", "a" * 33, "al ice", "al/ice", "älice", "alice\n"])
def test_an_account_has_a_plain_name(keys: Keys, account: str) -> None:
    with pytest.raises(Problem) as caught:
        keys.create(account, (READ,))
    assert caught.value.code == "invalid_account"


@pytest.mark.parametrize("scopes", [(), ("admin",), (READ, "")])
def test_a_key_has_known_scopes(keys: Keys, scopes: tuple[str, ...]) -> None:
    with pytest.raises(Problem) as caught:
        keys.create("alice", scopes)
    assert caught.value.code == "invalid_value"


def test_keys_made_at_the_same_time_by_many_are_all_there(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: Keys(tmp_path / "data").create(f"a{n}", (READ,))[0].key_id, range(24)))
    assert sorted(made) == sorted(key.key_id for key in Keys(tmp_path / "data").list())


def test_the_first_start_makes_an_operators_key_and_the_second_does_not(tmp_path: Path, keys: Keys) -> None:
    text = keys.ensure_operator(None)
    assert text is not None
    assert keys.authenticate(f"Bearer {text}", OPERATOR) == OPERATOR_KEY_ID
    assert Keys(tmp_path / "data").ensure_operator(None) is None
    assert keys.authenticate(f"Bearer {text}", OPERATOR) == OPERATOR_KEY_ID


def test_a_given_operators_key_takes_the_place_of_the_one_before(keys: Keys) -> None:
    made = keys.ensure_operator(None)
    assert keys.ensure_operator("chosen-by-me") is None
    assert keys.authenticate("Bearer chosen-by-me", OPERATOR) == OPERATOR_KEY_ID
    assert code_of(keys, f"Bearer {made}", OPERATOR) == "unauthorized"
    assert keys.ensure_operator(None) is None
    assert keys.authenticate("Bearer chosen-by-me", OPERATOR) == OPERATOR_KEY_ID


@pytest.mark.parametrize("given", ["", "two words", "naïve", "x" * 257])
def test_an_operators_key_that_no_header_can_carry_is_refused(keys: Keys, given: str) -> None:
    with pytest.raises(ConfigurationError):
        keys.ensure_operator(given)


def test_a_file_that_is_no_key_file_is_named(tmp_path: Path, keys: Keys) -> None:
    keys.create("alice", SCOPES)
    (tmp_path / "data" / "keys.json").write_text("{}}", "utf-8")
    with pytest.raises(ConfigurationError, match=r"keys\.json"):
        Keys(tmp_path / "data")


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="file"):
        Keys(tmp_path / "file" / "data")
