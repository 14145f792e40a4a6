"""Links: one Unix-socket connection each, bytes only, never blocking.

Sockets live in one directory that only the venue's user may enter. A path of a Unix socket is at most
108 bytes long, so the directory is reached through its descriptor, however deep it lies.
"""

import os
import socket
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from struct import Struct

from actors.engine.errors import ProtocolError
from actors.engine.frames import Frame, FrameReader

_READ_BYTES = 65_536
_SOCKET_BUFFER_BYTES = 1_048_576
_BACKLOG = 64
_WRITES_MAX = 64
"""Frames handed to the kernel in one call; well below its IOV_MAX of 1,024."""
_CREDENTIALS = Struct("3i")


def listen(directory_fd: int, name: str) -> socket.socket:
    """Open the listening socket of an actor in the directory, in place of what an earlier run has left."""
    with suppress(FileNotFoundError):
        os.unlink(_file(name), dir_fd=directory_fd)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(_path(directory_fd, name))
    listener.listen(_BACKLOG)
    listener.setblocking(False)
    return listener


def connect(directory_fd: int, name: str) -> socket.socket | None:
    """Connect to an actor's socket, or return None while nobody listens there."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.setblocking(False)
    try:
        connection.connect(_path(directory_fd, name))
    except (FileNotFoundError, ConnectionRefusedError, BlockingIOError):
        connection.close()
        return None
    return connection


def _file(name: str) -> str:
    return f"{name}.sock"


def _path(directory_fd: int, name: str) -> str:
    return f"/proc/self/fd/{directory_fd}/{_file(name)}"


class Link:
    """One connection: whole frames in, frames out, and what the kernel would not take yet."""

    __slots__ = ("_reader", "_waiting", "fd", "peer", "socket")

    def __init__(self, connection: socket.socket) -> None:
        """Take over a connected socket.

        Raises:
            ProtocolError: a process of another user is at the other end.

        """
        connection.setblocking(False)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BUFFER_BYTES)
        self.socket = connection
        self.fd = connection.fileno()
        self.peer = ""
        """Name of the actor at the other end, once it has said hello."""
        self._reader = FrameReader()
        self._waiting: deque[memoryview] = deque()
        _check_credentials(connection)

    @property
    def is_full(self) -> bool:
        """Whether something waits until the kernel takes more."""
        return bool(self._waiting)

    def read(self, bytes_max: int) -> tuple[list[Frame], bool]:
        """Read what is there, up to `bytes_max`; return its whole frames and whether the peer is gone."""
        frames: list[Frame] = []
        total = 0
        while total < bytes_max:
            size = min(_READ_BYTES, bytes_max - total)
            try:
                data = self.socket.recv(size)
            except BlockingIOError:
                break
            except ConnectionError:
                return frames, True
            if not data:
                return frames, True
            frames += self._reader.feed(data)
            total += len(data)
            if len(data) < size:
                break
        return frames, False

    def write(self, frames: Iterable[bytes]) -> None:
        """Send frames after what still waits; what the kernel does not take at once waits as well.

        The outbox holds the same bytes of lane messages until they are acknowledged, so that their waiting here
        costs nothing; how many questions may wait is limited by the core.
        """
        waiting = self._waiting
        waiting.extend(map(memoryview, frames))
        while waiting:
            parts = [waiting[i] for i in range(min(len(waiting), _WRITES_MAX))]
            try:
                sent = self.socket.sendmsg(parts)
            except BlockingIOError:
                return
            except ConnectionError:
                waiting.clear()  # The reading side sees the end of the connection and reports it.
                return
            for part in parts:
                if sent < len(part):
                    waiting[0] = part[sent:]
                    break
                sent -= len(part)
                waiting.popleft()

    def close(self) -> None:
        """Close the connection; what waits is sent again over the next one."""
        self._waiting.clear()
        self.socket.close()


def _check_credentials(connection: socket.socket) -> None:
    """Refuse a process of another user, also when somebody has opened the directory to it."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(raw)
    if uid != os.geteuid():
        connection.close()
        msg = f"a process of user {uid} connected to a link of user {os.geteuid()}"
        raise ProtocolError(msg)
