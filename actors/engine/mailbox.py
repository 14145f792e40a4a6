"""The mailbox: a pykka inbox that reads the actor's links itself.

There is no thread between a socket and the handler: pykka's own thread waits in `get()` for whatever
comes first, a frame or something told by another thread of the process. What has arrived by then is one
batch, so the batch grows with the load and nobody tunes it.

This is the only module that touches pykka's semi-public inbox hook; `tests/unit/test_pykka_contract.py`
holds what is relied on.
"""

import logging
import os
from collections import deque
from collections.abc import Callable
from typing import Any, NoReturn

import msgspec
import pykka
from pykka._envelope import Envelope

from actors.engine.frames import Frame
from actors.engine.switchboard import Switchboard

EXIT_FATAL = 70
"""Exit code of a process whose engine has failed (EX_SOFTWARE of sysexits.h)."""

logger = logging.getLogger("actors.engine")


class Request(msgspec.Struct, frozen=True):
    """Base of what another thread of the process may tell an actor; requests are taken as part of a batch."""


class Work(msgspec.Struct, frozen=True):
    """A batch: what has arrived on links, by peer, and what was told by this process."""

    arrivals: list[tuple[str, Frame]]
    requests: list[Request]


class Mailbox:
    """A pykka inbox.

    `put` may be called by any thread; `get` and `empty` only by the actor's own. `idle` is called before
    the mailbox waits with nothing to do.
    """

    def __init__(self, switchboard: Switchboard, idle: Callable[[], None], requests_max: int) -> None:
        self._switchboard = switchboard
        self._idle = idle
        self._requests_max = requests_max
        self._told: deque[Envelope[Any]] = deque()
        self._waits = False

    def put(self, envelope: Envelope[Any], /) -> None:
        """Add an envelope, and wake the actor if it waits."""
        self._told.append(envelope)
        # The actor says that it waits before it looks for envelopes a last time, so one of the two sees the other.
        if self._waits:
            self._waits = False
            self._switchboard.wake()

    def get(self) -> Envelope[Any]:
        """Wait for the next batch.

        pykka calls this outside of its own `try`; whatever is raised here would end the thread silently,
        so it ends the process instead.
        """
        try:
            return self._get()
        except BaseException as error:  # noqa: BLE001 - see above: nothing may leave this method as an exception
            end_process("reading the links failed", error)

    def _get(self) -> Envelope[Any]:
        switchboard = self._switchboard
        while True:
            if self._told and not isinstance(self._told[0].message, Request):
                return self._told.popleft()
            self._waits = True
            arrivals = switchboard.poll(wait=not self._told)
            self._waits = False
            requests = self._take_requests()
            if arrivals or requests or switchboard.has_news:
                switchboard.has_news = False
                return Envelope(Work(arrivals, requests))
            self._idle()

    def _take_requests(self) -> list[Request]:
        """Take requests up to the limit, or up to something that pykka itself must handle."""
        told = self._told
        requests: list[Request] = []
        while told and len(requests) < self._requests_max and isinstance(told[0].message, Request):
            requests.append(told.popleft().message)
        return requests

    def empty(self) -> bool:
        """Whether nothing waits that was told by this process."""
        return not self._told


class MailboxActor(pykka.ThreadingActor):
    """A pykka actor whose inbox is a `Mailbox`; it must be given before pykka's own `__init__` runs."""

    use_daemon_thread = True

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        super().__init__()

    def _create_actor_inbox(self) -> Mailbox:  # type: ignore[override]  # pykka's hook is static, see the module
        return self._mailbox


def end_process(what: str, error: BaseException) -> NoReturn:
    """End the process at once after an error that must not be survived; the supervisor sees it."""
    logger.critical("%s; this process ends now", what, exc_info=error)
    logging.shutdown()
    os._exit(EXIT_FATAL)
