"""The supervisor: starts the nodes of a venue, watches them, and stops them in order.

It opens what must be opened once (the lock of the data directory, the listening socket), and does no
work of its own. Nodes are started from its main thread, since they die with the thread that made them.
"""

import fcntl
import logging
import multiprocessing
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.process import BaseProcess
from pathlib import Path

from actors.engine.errors import EngineError
from actors.engine.node import STOP_SIGNALS, run_node

EXIT_OK = 0
EXIT_FAILED = 1
"""A node has died, or what was under way could not be finished."""
EXIT_FORCED = 130
START_S = 60.0
"""How long the nodes may take until all are ready."""
DRAIN_S = 3.5
"""How long it may take to finish what is under way; then the nodes are told to stop without it."""
STOP_S = 4.5
"""How long a stop may take in all; then what is left is killed."""

logger = logging.getLogger("actors.engine")


class StartError(EngineError):
    """The venue cannot start here; the text is one line that says what to do."""


class Node:
    """A child process as the supervisor sees it."""

    def __init__(self, name: str, entry: str, arguments: str, extra: tuple[socket.socket, ...] = ()) -> None:
        """Describe a node; `entry`, `arguments` and `extra` are as `run_node` takes them."""
        self.name = name
        self._entry = entry
        self._arguments = arguments
        self._extra = extra
        self._process: BaseProcess | None = None
        self._control: socket.socket | None = None
        self.said: set[str] = set()
        """Words that the node has said since it was last told something."""

    def start(self) -> None:
        """Start the process; `spawn`, since under `fork` it would inherit threads' locks and dead actors."""
        self._control, theirs = socket.socketpair()
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(
            target=run_node, args=(self._entry, self.name, self._arguments, theirs, self._extra), name=self.name
        )
        with _signals_held_back():
            self._process.start()
        theirs.close()
        self._control.setblocking(False)

    @property
    def is_started(self) -> bool:
        """Whether there is a process, running or ended."""
        return self._process is not None

    @property
    def process(self) -> BaseProcess:
        """The running process."""
        assert self._process is not None, f"{self.name} has not been started"
        return self._process

    @property
    def connection(self) -> socket.socket:
        """The supervisor's end of the control socket."""
        assert self._control is not None, f"{self.name} has not been started"
        return self._control

    def tell(self, word: str) -> None:
        """Tell the node a word; one that is gone is noticed through its sentinel."""
        self.said.clear()
        try:
            self.connection.send(f"{word}\n".encode())
        except OSError:
            logger.debug("%s does not hear %r", self.name, word)

    def listen(self) -> None:
        """Take what the node has said."""
        try:
            self.said.update(self.connection.recv(4096).decode("ascii", "replace").split())
        except OSError:
            logger.debug("%s has closed its control socket", self.name)


class Supervisor:
    """Runs nodes until it is told to stop.

    `ready` is called once when all nodes are. `stop_order` says in which groups nodes are drained: each
    group is asked to drain, and the next only when all of it has; then all stop. A node that says the
    word `until` ends the venue as a signal would.
    """

    def __init__(
        self, nodes: Sequence[Node], stop_order: Sequence[Sequence[str]], ready: Callable[[], None], until: str = ""
    ) -> None:
        self._nodes = {node.name: node for node in nodes}
        self._stop_order = [list(group) for group in stop_order]
        self._ready = ready
        self._until = until
        self._signals = 0
        self._wake_out, self._wake_in = socket.socketpair()

    def run(self) -> int:
        """Start everything, stay until a signal or the end of a node, and stop everything; return an exit code."""
        self._wake_in.setblocking(False)
        before = {number: signal.signal(number, self._on_signal) for number in STOP_SIGNALS}
        wake_before = signal.set_wakeup_fd(self._wake_in.fileno(), warn_on_full_buffer=False)
        try:
            return self._run()
        finally:
            self._kill()
            signal.set_wakeup_fd(wake_before)
            for number, handler in before.items():
                signal.signal(number, handler)
            self._wake_out.close()
            self._wake_in.close()

    def _on_signal(self, number: int, frame: object) -> None:
        del number, frame
        self._signals += 1

    def _run(self) -> int:
        for node in self._nodes.values():
            node.start()
        started = self._wait(self._all_said("ready"), START_S)
        if started:
            self._ready()
            self._wait(lambda: any(self._until in node.said for node in self._nodes.values()), None)
        if self._dead():
            self._report_dead()
            return EXIT_FAILED
        if not started and not self._signals:
            logger.error("the nodes were not ready within %.0f s; the venue stops", START_S)
            return EXIT_FAILED
        return self._stop()

    def _stop(self) -> int:
        """Drain the nodes group by group, then let all end; a second signal ends all at once."""
        logger.info("stopping: the door is closed, what is under way is finished")
        start = time.monotonic()
        asked = self._signals
        busy = self._drain(start + DRAIN_S, asked)
        if busy:
            self._report_dead()
        for node in self._nodes.values():
            node.tell("stop")
        self._wait(lambda: not self._alive(), start + STOP_S - time.monotonic(), asked, stop_on_death=False)
        left = self._alive()
        if self._signals > asked:
            logger.warning("stopping at once, as asked a second time")
            return EXIT_FORCED
        if left:
            logger.warning("%s did not stop in time and will be killed", ", ".join(left))
        if busy:
            logger.error("stopped, but %s had not finished what was under way, and it is lost", ", ".join(busy))
            return EXIT_FAILED
        logger.info("stopped")
        return EXIT_OK

    def _drain(self, deadline: float, asked: int) -> list[str]:
        """Let the nodes finish what is under way; return the names of those that had not when time was up."""
        for group in self._stop_order:
            for name in group:
                self._nodes[name].tell("drain")
            if not self._wait(self._all_said("drained", group), deadline - time.monotonic(), asked):
                return [name for name in group if "drained" not in self._nodes[name].said]
        return []

    def _report_dead(self) -> None:
        for node in self._dead():
            logger.error(
                "%s ended with exit code %s; the venue stops, since nothing is kept on disk that could bring it back",
                node.name,
                node.process.exitcode,
            )

    def _alive(self) -> list[str]:
        return [node.name for node in self._nodes.values() if node.process.is_alive()]

    def _dead(self) -> list[Node]:
        return [node for node in self._nodes.values() if not node.process.is_alive()]

    def _all_said(self, word: str, names: Iterable[str] | None = None) -> Callable[[], bool]:
        nodes = [self._nodes[name] for name in (self._nodes if names is None else names)]
        return lambda: all(word in node.said for node in nodes)

    def _wait(
        self, done: Callable[[], bool], timeout_s: float | None, signals: int = 0, *, stop_on_death: bool = True
    ) -> bool:
        """Wait for a condition; return whether it came true before time was up, a node ended, or a signal came."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake_out, selectors.EVENT_READ, self._clear_wake)
            for node in self._nodes.values():
                if node.process.is_alive():
                    selector.register(node.connection, selectors.EVENT_READ, node.listen)
                    selector.register(node.process.sentinel, selectors.EVENT_READ, _nothing)
            while not done():
                left = None if deadline is None else deadline - time.monotonic()
                if self._signals > signals or (left is not None and left <= 0) or (stop_on_death and self._dead()):
                    return False
                for key, _ in selector.select(left):
                    key.data()
                for node in self._nodes.values():
                    # What has ended stays readable for ever; it has nothing more to say.
                    if not node.process.is_alive() and node.process.sentinel in selector.get_map():
                        selector.unregister(node.process.sentinel)
                        selector.unregister(node.connection)
        return True

    def _clear_wake(self) -> None:
        self._wake_out.recv(4096)

    def _kill(self) -> None:
        """Leave no process behind."""
        for node in self._nodes.values():
            if not node.is_started:
                continue
            if node.process.is_alive():
                node.process.kill()
            node.process.join()
            node.connection.close()


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Keep back the signals that stop a venue while a node is started.

    Ctrl-C reaches the whole process group. A node that is just starting inherits the mask, so that it lives to
    be told by its supervisor, which takes the signal as soon as the mask is lifted.
    """
    # The tracker is started with the first process, and lifts the mask of whoever starts it.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _nothing() -> None:
    """A sentinel has nothing to read; that it is ready says all."""


def lock_directory(directory: Path) -> int:
    """Make the directory if need be, with access for this user only, and lock it for the life of this process.

    Raises:
        StartError: another venue runs on it, or it cannot be used.

    """
    os.umask(0o077)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        msg = f"the data directory {directory} cannot be used: {error.strerror}; choose another with --data-dir"
        raise StartError(msg) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(fd)
        msg = f"another venue runs on {directory}; stop it, or choose another with --data-dir"
        raise StartError(msg) from error
    return fd


def listen_tcp(host: str, port: int) -> socket.socket:
    """Open the one listening socket of the venue; port 0 takes a free one.

    Raises:
        StartError: the address is taken or not this machine's.

    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(1024)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        msg = f"cannot listen on {host} port {port}: {error.strerror}; choose another with --host and --port"
        raise StartError(msg) from error
    return listener
