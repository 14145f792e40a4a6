"""The port: how asyncio code talks to an actor in the same process.

A pykka future would block the event loop, so answers come back as asyncio futures that are resolved
together, once per batch of the actor, by one `call_soon_threadsafe`; commands of one turn of the event
loop are handed over together.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pykka

from actors.engine.actor import (
    Ask,
    AskOwnStatus,
    Commands,
    EngineActor,
    ForgetAsk,
    Unwatch,
    Watch,
    When,
)
from actors.engine.core import ActorCore, ActorStatus, Command
from actors.engine.errors import ActorStopped, AskTimeout
from actors.engine.mailbox import Request

ASKS_MAX = 10_000
"""Most questions and watches that may wait at once; whoever asks next is told that time is up."""


class Port:
    """The asyncio side of an actor; everything but `deliver` belongs to the event loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, core: ActorCore) -> None:
        self.name = core.name
        """Name of the actor on the other side."""
        self.on_feed: Callable[[list[Any]], None] = _ignore
        """Called with what arrives on feeds."""
        self._loop = loop
        self._core = core
        self._actor: pykka.ActorRef[EngineActor] | None = None
        self._commands: list[Command] = []
        self._waiting = 0

    def attach(self, actor: pykka.ActorRef[EngineActor]) -> None:
        """Name the actor; before it, nothing can be sent."""
        self._actor = actor

    # To the actor

    def command(self, message: Any) -> asyncio.Future[Any]:
        """Hand a message to the actor as input; the future is answered after the commit that holds it."""
        future = self._loop.create_future()
        if not self._commands:
            self._loop.call_soon(self._flush)
        self._commands.append(Command(message, future))
        return future

    def _flush(self) -> None:
        commands, self._commands = self._commands, []
        try:
            self._tell(Commands(commands))
        except ActorStopped as error:
            self._resolve([(command.reply, error) for command in commands], [])

    async def ask(self, peer: str, question: Any, timeout_s: float) -> Any:
        """Put a question to a peer's behaviour.

        Raises:
            AskTimeout: no answer within `timeout_s` seconds, or too many questions wait already.
            PeerAway: the peer is not connected.
            ActorStopped: this process is stopping.

        """
        future = self._loop.create_future()
        return await self._wait(
            Ask(peer, question, future), ForgetAsk(future), future, timeout_s, f"{peer} did not answer in {timeout_s} s"
        )

    async def status(self, actor: str, timeout_s: float) -> ActorStatus:
        """Return the statistic of the own actor or of one of its peers; raises what `ask` raises."""
        future = self._loop.create_future()
        request = AskOwnStatus(future) if actor == self.name else Ask(actor, None, future)
        late = f"{actor} did not answer in {timeout_s} s"
        status: ActorStatus = await self._wait(request, ForgetAsk(future), future, timeout_s, late)
        return status

    async def until(self, key: Any, ready: Callable[[Any], bool], timeout_s: float) -> Any | None:
        """Wait until `ready` is true of the state under the key and return that state; None when time is up."""
        future = self._loop.create_future()
        try:
            return await self._wait(Watch(key, ready, future), Unwatch(key, future), future, timeout_s, "")
        except AskTimeout:
            return None

    async def _wait(
        self, request: Request, undo: Request, future: asyncio.Future[Any], timeout_s: float, late: str
    ) -> Any:
        """Tell a request and wait for its answer; take it back when nobody waits any longer."""
        if self._waiting >= ASKS_MAX:
            raise AskTimeout(late)
        self._waiting += 1
        try:
            self._tell(request)
            async with asyncio.timeout(timeout_s):
                return await future
        except TimeoutError:
            raise AskTimeout(late) from None
        finally:
            self._waiting -= 1
            if future.cancelled():
                with suppress(ActorStopped):
                    self._tell(undo)

    async def connected(self) -> None:
        """Wait until all peers of the actor are connected."""
        await self._milestone(self._core.is_connected)

    async def quiet(self) -> None:
        """Wait until everything the actor has sent is durable at its receiver and nothing is under way."""
        await self._milestone(self._core.is_quiet)

    async def _milestone(self, ready: Callable[[], bool]) -> None:
        reached = asyncio.Event()
        self._tell(When(ready, lambda: _call_threadsafe(self._loop, reached.set)))
        await reached.wait()

    def _tell(self, request: Request) -> None:
        if self._actor is None:
            msg = f"{self.name} has not started yet"
            raise ActorStopped(msg)
        try:
            self._actor.tell(request)
        except pykka.ActorDeadError as error:
            msg = f"{self.name} has stopped"
            raise ActorStopped(msg) from error

    # From the actor, in its own thread

    def deliver(self, answers: list[tuple[Any, Any]], feeds: list[Any]) -> None:
        """Bring answers and feeds over into the event loop's thread."""
        _call_threadsafe(self._loop, lambda: self._resolve(answers, feeds))

    def _resolve(self, answers: list[tuple[Any, Any]], feeds: list[Any]) -> None:
        for future, answer in answers:
            if future.done():
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)
        if feeds:
            self.on_feed(feeds)


def _call_threadsafe(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    """Run the callback in the loop, unless the loop is closed, since then nobody waits any more."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(callback)


def _ignore(feeds: list[Any]) -> None:
    """Drop what nobody listens to."""
