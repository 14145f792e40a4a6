"""The switchboard: all links of one actor, read by the actor's own thread in one wait.

Of two peers the one whose name sorts first connects, and connects again whenever the link is lost; the
other listens. Every connection begins with a hello from each side, in which both state their numbers.
"""

import logging
import os
import select
import socket
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from actors.engine import link as links
from actors.engine.core import ActorCore, Release, read_hello
from actors.engine.errors import ProtocolError
from actors.engine.frames import Frame

_RECONNECT_S = 0.02
_ACK_WAIT_S = 0.01
"""How long an acknowledgement waits for company when nothing else happens."""

logger = logging.getLogger("actors.engine")


class Switchboard:
    """Sockets of one actor.

    `poll` returns what has arrived by peer; `release` is called with what the core has to say when a
    peer is lost.
    """

    def __init__(self, core: ActorCore, directory: Path, release: Callable[[Release], None]) -> None:
        self._core = core
        self._release = release
        self._directory_fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._epoll = select.epoll()
        self._links: dict[int, links.Link] = {}
        self._by_peer: dict[str, links.Link] = {}
        self._to_connect = [peer for peer in core.lanes_in if core.name < peer]
        self._connecting: set[str] = set()
        self._next_attempt_s = 0.0
        self.has_news = False
        """Whether a peer has come or gone since the last look."""
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self._wake_fd, select.EPOLLIN)
        self._listener: socket.socket | None = None
        if len(self._to_connect) < len(core.lanes_in):
            self._listener = links.listen(self._directory_fd, core.name)
            self._epoll.register(self._listener.fileno(), select.EPOLLIN)

    def wake(self) -> None:
        """End the wait of `poll`; may be called from any thread."""
        os.eventfd_write(self._wake_fd, 1)

    def poll(self, *, wait: bool) -> list[tuple[str, Frame]]:
        """Return the frames that have arrived, by peer; wait for some, a wake-up or a due task if asked to."""
        arrivals: list[tuple[str, Frame]] = []
        for fd, mask in self._epoll.poll(self._patience() if wait else 0):
            if fd == self._wake_fd:
                os.eventfd_read(fd)
            elif self._listener is not None and fd == self._listener.fileno():
                self._accept()
            elif fd in self._links:
                self._serve(self._links[fd], mask, arrivals)
        if len(self._by_peer) + len(self._connecting) < len(self._core.lanes_in):
            self._connect_missing()
        return arrivals

    def _patience(self) -> float:
        """How long to wait at most, in seconds; -1 is for ever."""
        if self._core.acks_wait:
            return _ACK_WAIT_S
        if any(peer not in self._by_peer for peer in self._to_connect):
            return _RECONNECT_S
        return -1

    def _serve(self, link: links.Link, mask: int, arrivals: list[tuple[str, Frame]]) -> None:
        """Read and write as far as a link is ready for it."""
        if mask & select.EPOLLOUT:
            self._write(link, ())
        if not mask & ~select.EPOLLOUT:
            return
        frames, gone = link.read(self._core.limits.read_bytes_max)
        if frames and not self._is_current(link):
            self._greet(link, frames.pop(0))
        arrivals += [(link.peer, frame) for frame in frames]
        if gone:
            self._lose(link)

    def _is_current(self, link: links.Link) -> bool:
        return self._by_peer.get(link.peer) is link

    def _greet(self, link: links.Link, frame: Frame) -> None:
        """Take the hello of a peer, answer it if the peer began, and send what the peer still needs."""
        name = read_hello(frame).actor
        if link.peer not in ("", name):
            msg = f"{name} answered at the socket of {link.peer}"
            raise ProtocolError(msg)
        older = self._by_peer.get(name)
        if older is not None:
            self._lose(older)
        answers = link.peer == ""
        hello = self._core.hello(name) if answers else b""
        peer, again = self._core.peer_connected(frame)
        link.peer = peer
        self._by_peer[peer] = link
        self._connecting.discard(peer)
        self._write(link, ([hello] if answers else []) + again)
        self.has_news = True
        logger.debug("%s: linked with %s, %d frames sent again", self._core.name, peer, len(again))

    def _accept(self) -> None:
        assert self._listener is not None
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:
            return
        self._add(links.Link(connection))

    def _add(self, link: links.Link) -> None:
        self._links[link.fd] = link
        self._epoll.register(link.fd, select.EPOLLIN)

    def _connect_missing(self) -> None:
        """Try again to reach the peers that this actor connects to, at most every `_RECONNECT_S`."""
        now_s = time.monotonic()
        if now_s < self._next_attempt_s:
            return
        self._next_attempt_s = now_s + _RECONNECT_S
        for peer in self._to_connect:
            if peer in self._by_peer or peer in self._connecting:
                continue
            connection = links.connect(self._directory_fd, peer)
            if connection is not None:
                link = links.Link(connection)
                link.peer = peer
                self._connecting.add(peer)
                self._add(link)
                self._write(link, [self._core.hello(peer)])

    def _lose(self, link: links.Link) -> None:
        """Drop a connection, and with it all of its frames that are still on the way."""
        self._epoll.unregister(link.fd)
        del self._links[link.fd]
        link.close()
        if self._is_current(link):
            del self._by_peer[link.peer]
            self.has_news = True
            self._release(self._core.peer_lost(link.peer))
            logger.debug("%s: lost the link with %s", self._core.name, link.peer)
        else:
            self._connecting.discard(link.peer)

    def send(self, frames: Iterable[tuple[str, bytes]]) -> None:
        """Send frames to their peers; nothing blocks, and what a lost link does not take comes again."""
        by_peer: dict[str, list[bytes]] = {}
        for peer, frame in frames:
            by_peer.setdefault(peer, []).append(frame)
        for peer, parts in by_peer.items():
            link = self._by_peer.get(peer)
            if link is not None:
                self._write(link, parts)

    def _write(self, link: links.Link, frames: Iterable[bytes]) -> None:
        """Write, and be told when the kernel takes more if it did not take all."""
        was_full = link.is_full
        link.write(frames)
        if link.is_full != was_full:
            self._epoll.modify(link.fd, select.EPOLLIN | (select.EPOLLOUT if link.is_full else 0))

    def close(self) -> None:
        """Close all links."""
        for link in self._links.values():
            link.close()
        self._links.clear()
        self._by_peer.clear()
        if self._listener is not None:
            self._listener.close()
        self._epoll.close()
        os.close(self._directory_fd)
