"""Nodes: the inside of a child process of the supervisor.

A node does what its supervisor says over the control socket, one word a line, and dies with it.
"""

import ctypes
import gc
import logging
import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from importlib import import_module

PARENT_GONE = 71
"""Exit code of a node whose supervisor has died."""
LOG_LEVEL_VARIABLE = "TRADEPOST_LOG_LEVEL"
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""What asks a venue to stop; its supervisor alone listens to them."""
_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15

logger = logging.getLogger("actors.engine")


class Control:
    """The node's end of the control socket."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection

    def say(self, word: str) -> None:
        """Tell the supervisor a word; a supervisor that is gone is noticed by whoever reads."""
        try:
            self.socket.sendall(f"{word}\n".encode())
        except OSError:
            logger.debug("the supervisor is gone, it does not hear %r", word)

    def words(self) -> Iterator[str]:
        """Return the supervisor's words as they come; end when it is gone."""
        with self.socket.makefile("r", encoding="ascii") as lines:
            for line in lines:
                yield line.strip()


def run_node(entry: str, name: str, arguments: str, control: socket.socket, extra: tuple[socket.socket, ...]) -> None:
    """Run a node in a fresh process; the supervisor starts it with strings, numbers and sockets only.

    `entry` names a function as `package.module:function`, which takes the name of the node, its
    arguments (JSON), the control socket's end and further sockets, and returns when the node has stopped.
    """
    die_with_parent()
    name_process(name)
    configure_logging(name)
    module, _, function = entry.partition(":")
    main: Callable[[str, str, Control, tuple[socket.socket, ...]], None] = getattr(import_module(module), function)
    calm_collector()
    main(name, arguments, Control(control), extra)


def die_with_parent() -> None:
    """End this process when its parent ends, and leave the terminal's signals to the parent."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "a node is started by its supervisor"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    # The parent may have died before the call above; then this process has another parent by now.
    if os.getppid() != parent.pid:
        sys.exit(PARENT_GONE)
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    # The supervisor has held them back while this process could not ignore them yet.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


def name_process(name: str) -> None:
    """Bear the node's name, so that `ps` and `top` tell one from another; the kernel keeps 15 characters."""
    ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode(), 0, 0, 0)


def calm_collector() -> None:
    """Keep the cyclic garbage collector away from what lives long.

    Actors make no cycles; a full collection would walk every order of the venue for nothing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 1_000)


def configure_logging(name: str) -> None:
    """Log to standard error, one line an event, with the name of the node."""
    logging.basicConfig(
        level=os.environ.get(LOG_LEVEL_VARIABLE, "INFO").upper(),
        format=f"%(asctime)s.%(msecs)03d %(levelname)s {name} %(name)s: %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S",
        stream=sys.stderr,
        force=True,
    )
