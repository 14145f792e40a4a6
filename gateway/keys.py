"""Who may do what: API keys, kept as SHA-256 digests in one file of the data directory.

The file is the truth: it is replaced whole under a lock and read again when it has changed, so that
`tradepost keys` in another process takes effect on a running venue at once. A key has 256 random
bits, which makes a fast hash without salt safe, and the time that a lookup by digest takes says nothing
about any key.
"""

import fcntl
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import msgspec

from actors.errors import ConfigurationError
from gateway.problems import Problem

READ = "read"
TRADE = "trade"
OPERATOR = "operator"
SCOPES = (READ, TRADE, OPERATOR)
OPERATOR_KEY_ID = "operator"
"""Id, and account, of the key that every venue has."""
ACCOUNT_PATTERN = re.compile(r"[A-Za-z0-9_.-]{1,32}")
KEYS_MAX = 100_000
KEY_PREFIX = "tp_"
FILE_NAME = "keys.json"
LOOK_AGAIN_S = 0.02
"""A known key is good for this long before the file is looked at again: it saves a system call per request."""


class Key(msgspec.Struct, frozen=True):
    """A key as it is stored; `digest` is the SHA-256 of its text in hexadecimal, `created_at` in microseconds."""

    key_id: str
    account: str
    scopes: tuple[str, ...]
    digest: str
    created_at: int


class _KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keys: tuple[Key, ...] = ()


class Keys:
    """The keys of a data directory."""

    def __init__(self, data_dir: str | Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Make the directory if need be (0700), and read the keys.

        Raises:
            ConfigurationError: the directory or the file cannot be used.

        """
        self._path = Path(data_dir) / FILE_NAME
        self._monotonic = monotonic
        self._by_digest: dict[bytes, Key] = {}
        self._seen: tuple[int, int, int] | None = None
        self._look_at = 0.0
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(f"cannot make the directory {self._path.parent}: {error.strerror}") from error
        self._refresh()

    def authenticate(self, authorization: str | None, scope: str) -> str:
        """Return the account of the key in an `Authorization` header.

        Raises:
            Problem: `unauthorized` without a valid key, `forbidden` when the key lacks the scope.

        """
        if authorization is None or authorization[:7].lower() != "bearer ":
            raise Problem("unauthorized", "Send the header Authorization: Bearer <key>.")
        digest = sha256(authorization[7:].strip().encode("utf-8", "surrogateescape")).digest()
        key = self._by_digest.get(digest)
        if key is None or self._monotonic() >= self._look_at:
            self._refresh()
            key = self._by_digest.get(digest)
            if key is None:
                raise Problem("unauthorized", "This key is not known here, or has been revoked.")
        if scope not in key.scopes:
            raise Problem("forbidden", f"This key has the scopes {', '.join(key.scopes)}; {scope} is needed.")
        return key.account

    def create(self, account: str, scopes: tuple[str, ...]) -> tuple[Key, str]:
        """Make a key; return what is stored, and the key itself, which is never to be seen again.

        Raises:
            Problem: `invalid_account`, `invalid_value` for the scopes, `too_many_keys`.

        """
        check_account(account)
        if not scopes or not set(scopes) <= set(SCOPES):
            raise Problem("invalid_value", f"scopes must be one or more of {', '.join(SCOPES)}.")
        text = KEY_PREFIX + secrets.token_urlsafe(32)
        with self._locked() as keys:
            if len(keys) >= KEYS_MAX:
                raise Problem("too_many_keys", f"There are {KEYS_MAX} keys already; revoke one.")
            key = _key(f"key_{secrets.token_hex(8)}", account, scopes, text)
            self._write((*keys, key))
        return key, text

    def revoke(self, key_id: str) -> None:
        """Forget a key.

        Raises:
            Problem: `unknown_key`.

        """
        with self._locked() as keys:
            kept = tuple(key for key in keys if key.key_id != key_id)
            if len(kept) == len(keys):
                raise Problem("unknown_key", f"There is no key {key_id!r}.")
            self._write(kept)

    def list(self) -> tuple[Key, ...]:
        """Return all keys, oldest first."""
        self._refresh()
        return tuple(self._by_digest.values())

    def ensure_operator(self, given: str | None) -> str | None:
        """See to it that there is an operator's key.

        Args:
            given: the key that `TRADEPOST_OPERATOR_KEY` sets; it replaces the one before.

        Returns:
            The key that had to be made because none was given and none was there, to be shown this once.

        Raises:
            ConfigurationError: the given key cannot be sent in a header.

        """
        if given is not None and not re.fullmatch(r"[!-~]{1,256}", given):
            raise ConfigurationError("TRADEPOST_OPERATOR_KEY must be 1 to 256 printable ASCII characters, no spaces")
        with self._locked() as keys:
            others = tuple(key for key in keys if key.key_id != OPERATOR_KEY_ID)
            if given is None and len(others) < len(keys):
                return None
            text = given or KEY_PREFIX + secrets.token_urlsafe(32)
            key = _key(OPERATOR_KEY_ID, OPERATOR_KEY_ID, (OPERATOR,), text)
            if key.digest not in {known.digest for known in keys if known.key_id == OPERATOR_KEY_ID}:
                self._write((key, *others))
        return None if given else text

    def _refresh(self) -> None:
        """Read the file if it is not the one that was read last."""
        self._look_at = self._monotonic() + LOOK_AGAIN_S
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            self._by_digest = {}
            self._seen = None
            return
        seen = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        if seen != self._seen:
            self._by_digest = {bytes.fromhex(key.digest): key for key in self._read()}
            self._seen = seen

    def _read(self) -> tuple[Key, ...]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_KeyFile).keys
        except FileNotFoundError:
            return ()
        except (OSError, msgspec.MsgspecError) as error:
            raise ConfigurationError(f"cannot use {self._path}: {error}; restore it or remove it") from error

    @contextmanager
    def _locked(self) -> Iterator[tuple[Key, ...]]:
        """Hold the lock that all writers take, and give the keys as they are under it."""
        lock = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield self._read()
            self._refresh()
        finally:
            os.close(lock)

    def _write(self, keys: tuple[Key, ...]) -> None:
        """Replace the file whole: a reader sees the old keys or the new ones, also after a power cut."""
        new = self._path.with_suffix(".new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(_KeyFile(keys)), indent=1))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
        directory = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def check_account(account: str) -> str:
    """Return the account if it can be one.

    Raises:
        Problem: `invalid_account`.

    """
    if not ACCOUNT_PATTERN.fullmatch(account):
        raise Problem("invalid_account", "An account is 1 to 32 of A-Z a-z 0-9 _ . -")
    return account


def _key(key_id: str, account: str, scopes: tuple[str, ...], text: str) -> Key:
    digest = sha256(text.encode()).hexdigest()
    ordered = tuple(scope for scope in SCOPES if scope in scopes)
    return Key(key_id, account, ordered, digest, time.time_ns() // 1000)
