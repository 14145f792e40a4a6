"""A venue as its user runs it: a program with a directory of its own, in processes of its own, over HTTP."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

ROOT = Path(__file__).parents[2]
OPERATOR_KEY = "operator-of-the-tests"
START_S = 60.0
STOP_S = 5.0
"""How long a venue may take to stop, as its README promises."""
_PAUSE_S = 0.01

Document = dict[str, Any]


class Answer(NamedTuple):
    """What came back over HTTP: status, headers in lower case, and the JSON document (empty without a body)."""

    status: int
    headers: dict[str, str]
    document: Document


class Client:
    """One key at a venue, one request at a time."""

    def __init__(self, host: str, port: int, key: str) -> None:
        self.key = key
        self._address = (host, port)

    def call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, wait_s: int = 0
    ) -> Answer:
        """Send a request; a `body` of bytes goes as it is, anything else as JSON."""
        sent = {"Authorization": f"Bearer {self.key}", **(headers or {})}
        if wait_s:
            sent["Prefer"] = f"wait={wait_s}"
        payload = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection = HTTPConnection(*self._address, timeout=30)
        try:
            connection.request(method, path, payload, sent)
            response = connection.getresponse()
            data = response.read()
        finally:
            connection.close()
        names = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, names, json.loads(data) if data else {})

    def get(self, path: str) -> Document:
        """Return a document that must be there."""
        answer = self.call("GET", path)
        assert answer.status == 200, answer
        return answer.document

    def place(self, wait_s: int = 5, **order: Any) -> Document:
        """Place an order that must be accepted, and return it as it is once the wallet has decided."""
        answer = self.call("POST", "/v1/orders", order, wait_s=wait_s)
        assert answer.status == 202, answer
        return answer.document


class Venue:
    """`tradepost serve` as a child of the test, in a session of its own so that all its processes can be found."""

    def __init__(self, directory: Path, *flags: str, data_dir: Path | None = None, **environment: str) -> None:
        """Describe a venue with a free port whose files are under `directory`; flags come after the defaults."""
        directory.mkdir(parents=True, exist_ok=True)
        self.data_dir = data_dir or directory / "data"
        self._cwd = directory
        self._log = directory / "log"
        self._arguments = ["--data-dir", str(self.data_dir), "--port", "0", *flags]
        self._environment = program_environment(**environment)
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""
        self.host = ""
        self.port = 0

    def __enter__(self) -> Self:
        """Start, and wait until orders can be placed."""
        self.launch()
        try:
            self.wait_until_open()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave no process behind, whatever has happened; a failing test shows the log."""
        self.kill()
        if error is not None:
            error.add_note(f"The venue's log:\n{self.log[-8000:]}")

    # From start to stop

    def launch(self) -> None:
        """Start the program and return at once."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "serve", *self._arguments],
                cwd=self._cwd,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                umask=0,  # What is private must be so by itself.
            )

    def wait_until_open(self) -> None:
        """Wait for the line that says where the venue listens."""
        stdout = self.process.stdout
        assert stdout is not None
        said = b""
        deadline = time.monotonic() + START_S
        while (found := re.search(rb"listens on (http://(.+):(\d+))\n", said)) is None:
            readable, _, _ = select.select([stdout], [], [], max(deadline - time.monotonic(), 0))
            data = os.read(stdout.fileno(), 4096) if readable else b""
            assert data, f"the venue did not open: {said.decode()}{self.log}"
            said += data
        self.url, self.host, self.port = found[1].decode(), found[2].decode(), int(found[3])

    def wait(self, within_s: float = STOP_S) -> int:
        """Return the exit code of the program, which must end in time."""
        return self.process.wait(within_s)

    def stop(self) -> int:
        """Stop the venue as an operator does, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """End every process at once."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        if self._process.stdout is not None:
            self._process.stdout.close()

    # What there is of it

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The program that was started: the supervisor."""
        assert self._process is not None, "the venue has not been launched"
        return self._process

    @property
    def log(self) -> str:
        """What the venue has written to standard error so far."""
        return self._log.read_text("utf-8")

    def processes(self) -> dict[int, str]:
        """Return the names of all running processes of the venue's session, the orphaned ones as well, by id."""
        found = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                text = stat.read_text("utf-8")
            except (FileNotFoundError, ProcessLookupError):
                continue
            pid, _, rest = text.partition(" (")
            name, _, fields = rest.rpartition(") ")
            state, _, _, session = fields.split()[:4]
            if int(session) == self.process.pid and state not in "ZX":
                found[int(pid)] = name
        return found

    def pid_of(self, node: str) -> int:
        """Return the process id of a node, such as `wallet-0`."""
        (pid,) = [pid for pid, name in self.processes().items() if name == node]
        return pid

    # Who uses it

    @property
    def operator(self) -> Client:
        """Access with the operator's key."""
        return self.client(OPERATOR_KEY)

    def client(self, key: str) -> Client:
        """Access with some key."""
        return Client(self.host, self.port, key)

    def open_account(self, account: str, **funds: str) -> Client:
        """Make a key for an account, deposit funds by asset, and return its access."""
        operator = self.operator
        made = operator.call("POST", "/v1/admin/keys", {"account": account, "scopes": ["read", "trade"]})
        assert made.status == 201, made
        for asset, amount in funds.items():
            transfer = {"asset": asset, "amount": amount, "transfer_id": f"{account}-{asset}"}
            booked = operator.call("POST", f"/v1/admin/accounts/{account}/deposits", transfer)
            assert booked.status == 201, booked
        return self.client(made.document["key"])

    def audit(self) -> Document:
        """Return the audit, which must hold at rest."""
        audit = self.operator.get("/v1/admin/audit")
        assert audit["at_rest"] is True, audit
        assert audit["holds"] is True, audit
        return audit


def program_environment(**variables: str) -> dict[str, str]:
    """Return an environment in which the checkout's program runs, warnings are errors, and nothing else is set."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("TRADEPOST_", "PYTHON"))}
    return {
        **inherited,
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "error",
        "TRADEPOST_OPERATOR_KEY": OPERATOR_KEY,
        **variables,
    }


def eventually(condition: Callable[[], Any], within_s: float, what: str) -> Any:
    """Return what the condition returns as soon as it is true of something; fail with `what` when time is up."""
    deadline = time.monotonic() + within_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(_PAUSE_S)
    return value
