"""The gateway's node: a process with an event loop for HTTP and, beside it, the thread of its tracker."""

import asyncio
import logging
import os
import threading
from socket import socket

import msgspec

from actors.answers import Refusal
from actors.bootstrap import TrackerActor, make_tracker, stop_actor
from actors.engine.actor import start_actor
from actors.engine.errors import EngineError
from actors.engine.mailbox import EXIT_FATAL
from actors.engine.node import PARENT_GONE, Control
from actors.engine.port import Port
from gateway.app import make_app, start_server
from gateway.books import Books
from gateway.config import Settings
from gateway.desk import Desk
from gateway.keys import Keys

CLOSING = Refusal("closing", "the venue is shutting down", 1)

logger = logging.getLogger("gateway")


def run(name: str, arguments: str, control: Control, extra: tuple[socket, ...]) -> None:
    """Serve HTTP on the socket in `extra` until the supervisor says stop; `arguments` are `Settings` as JSON."""
    settings = msgspec.json.decode(arguments, type=Settings)
    number = int(name.rpartition("-")[2])
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_Gateway(settings, number, control).run(extra[0]))


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    """Return the loop of uvloop where it is installed, which serves about a sixth more requests."""
    try:
        import uvloop  # noqa: PLC0415 - optional: not every platform has it
    except ImportError:
        return None
    return uvloop.Loop


class _Gateway:
    """One gateway from start to stop."""

    def __init__(self, settings: Settings, number: int, control: Control) -> None:
        self._settings = settings
        self._control = control
        self._own: TrackerActor = make_tracker(settings.venue, number)
        self._words: asyncio.Queue[str] = asyncio.Queue()

    async def run(self, listener: socket) -> None:
        """Start the tracker, define the markets, serve, and stop when told to."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_report)
        threading.Thread(target=self._listen, args=(loop,), name="control", daemon=True).start()
        venue = self._settings.venue
        port = Port(loop, self._own.core)
        actor = start_actor(self._own.core, venue.run_directory, port.deliver)
        port.attach(actor)
        await port.connected()
        for definition in venue.markets:
            answer = await port.command(definition)
            if type(answer) is Refusal:
                raise EngineError(answer.detail)
        books = Books(port, {m.market: venue.topology.matcher_names[m.matcher] for m in venue.markets})
        desk = Desk(port, self._own.tracker, self._own.door, venue.topology, books)
        server = await start_server(make_app(self._settings, desk, Keys(venue.data_dir)), listener)
        self._control.say("ready")
        while (word := await self._words.get()) != "stop":
            if word == "drain":
                self._own.door.closed = CLOSING
                await port.quiet()
                self._control.say("drained")
        await server.cleanup()
        await loop.run_in_executor(None, stop_actor, actor)

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Pass the supervisor's words on to the loop; without a supervisor there is nothing left to do."""
        for word in self._control.words():
            loop.call_soon_threadsafe(self._words.put_nowait, word)
            if word == "stop":
                return
        os._exit(PARENT_GONE)


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """Log what nobody awaits, and end the process when its tracker can no longer be trusted."""
    logger.error("%s", context.get("message"), exc_info=context.get("exception"))  # type: ignore[arg-type]
    if isinstance(context.get("exception"), EngineError):
        os._exit(EXIT_FATAL)
