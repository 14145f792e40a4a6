"""Real actors with real sockets in one process: links, reconnection, asks, watches and the port."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pykka
import pytest

from actors.engine import link as links
from actors.engine.actor import Commands, EngineActor, start_actor
from actors.engine.core import ActorCore, Command, Limits
from actors.engine.errors import ActorStopped, AskTimeout, PeerAway, ProtocolError
from actors.engine.port import Port
from tests.unit.engine.toys import Add, Adder, Sum, Total, make_adder

DEADLINE_S = 20.0


class Pair:
    """Actor `a`, with a port, and actor `b`, which receives what `a` adds."""

    def __init__(self, directory: Path, limits: Limits | None = None) -> None:
        self.directory = directory
        self.limits = limits
        self.a_adder, self.a_core = make_adder("a", ("b",), ("b",), limits=limits)
        self.port = Port(asyncio.get_running_loop(), self.a_core)
        self.b_adder, self.b_core = make_adder("b", ("a",), feeds=("a",), limits=limits)
        self.a = start_actor(self.a_core, directory, self.port.deliver)
        self.b: pykka.ActorRef[EngineActor] | None = None
        self.port.attach(self.a)

    def start_b(self) -> None:
        self.b = start_actor(self.b_core, self.directory)

    async def handled(self, count: int) -> None:
        """Wait until `b` has handled so many messages of `a`."""
        async with asyncio.timeout(DEADLINE_S):
            while (await self.port.status("b", DEADLINE_S)).handled["a"] < count:
                pass

    def stop(self) -> None:
        for actor in (self.a, self.b):
            if actor is not None and actor.is_alive():
                actor.stop(timeout=DEADLINE_S)


@asynccontextmanager
async def linked(directory: Path, limits: Limits | None = None) -> AsyncIterator[Pair]:
    pair = Pair(directory, limits)
    pair.start_b()
    try:
        async with asyncio.timeout(DEADLINE_S):
            await pair.port.connected()
        yield pair
    finally:
        pair.stop()


def test_what_one_actor_sends_the_other_handles_in_order(tmp_path: Path) -> None:
    async def run() -> Adder:
        async with linked(tmp_path) as pair:
            answers = await asyncio.gather(*(pair.port.command(Add(n)) for n in range(10_000)))
            assert answers[-1] == sum(range(10_000))
            async with asyncio.timeout(DEADLINE_S):
                await pair.port.quiet()
            return pair.b_adder

    assert asyncio.run(run()).seen == list(range(10_000))


def test_an_actor_that_comes_late_gets_everything(tmp_path: Path) -> None:
    async def run() -> Adder:
        pair = Pair(tmp_path)
        try:
            await asyncio.gather(*(pair.port.command(Add(n)) for n in range(100)))
            pair.start_b()
            async with asyncio.timeout(DEADLINE_S):
                await pair.port.quiet()
            return pair.b_adder
        finally:
            pair.stop()

    assert asyncio.run(run()).seen == list(range(100))


def test_links_that_are_cut_again_and_again_lose_and_repeat_nothing(tmp_path: Path) -> None:
    """Cut the connection from outside, at whatever byte it is, while messages flow."""

    async def run() -> tuple[Adder, int]:
        async with linked(tmp_path, Limits(frame_messages_max=16)) as pair:
            cuts = 0
            for n in range(200):
                for m in range(50):
                    pair.port.command(Add(n * 50 + m))
                if n % 20 == 10:
                    cuts += cut(pair.a_core)
                await pair.port.status("a", DEADLINE_S)
            async with asyncio.timeout(DEADLINE_S):
                await pair.port.quiet()
            return pair.b_adder, cuts

    adder, cuts = asyncio.run(run())
    assert adder.seen == list(range(10_000))
    assert cuts > 0


def cut(core: ActorCore) -> int:
    """Shut down the sockets of an actor's links, as a lost connection would look."""
    count = 0
    for reference in pykka.ActorRegistry.get_all():
        actor = reference._actor_weakref()
        if isinstance(actor, EngineActor) and actor._core is core:
            for link in list(actor._switchboard._links.values()):
                link.socket.shutdown(socket.SHUT_RDWR)
                count += 1
    return count


def test_a_slow_reader_never_blocks_its_sender(tmp_path: Path) -> None:
    """`b` does not run at all while `a` handles far more than any socket buffer holds."""

    async def run() -> tuple[int, Adder]:
        pair = Pair(tmp_path, Limits(outbox_messages_mark=1_000))
        try:
            directory_fd = os.open(tmp_path, os.O_RDONLY)
            listener = links.listen(directory_fd, "b")
            os.close(directory_fd)
            count = 200_000
            for start in range(0, count, 1_000):
                pair.a.tell(Commands([Command(Add(n)) for n in range(start, start + 1_000)]))
            status = await pair.port.status("a", DEADLINE_S)
            assert status.outbox["b"] == count
            assert status.congested
            listener.close()
            pair.start_b()
            async with asyncio.timeout(DEADLINE_S):
                await pair.port.quiet()
            return count, pair.b_adder
        finally:
            pair.stop()

    count, adder = asyncio.run(run())
    assert adder.seen == list(range(count))


def test_a_question_is_answered_over_the_link(tmp_path: Path) -> None:
    async def run() -> None:
        async with linked(tmp_path) as pair:
            await pair.port.command(Add(5))
            await pair.handled(1)
            assert await pair.port.ask("b", Total(), DEADLINE_S) == Sum(5)

    asyncio.run(run())


def test_feeds_arrive_in_the_event_loop(tmp_path: Path) -> None:
    async def run() -> None:
        async with linked(tmp_path) as pair:
            arrived: asyncio.Queue[list[Sum]] = asyncio.Queue()
            pair.port.on_feed = arrived.put_nowait
            pair.port.command(Add(5))
            assert await asyncio.wait_for(arrived.get(), DEADLINE_S) == [Sum(5)]

    asyncio.run(run())


def test_a_question_to_an_actor_that_is_away_fails_at_once(tmp_path: Path) -> None:
    async def run() -> None:
        pair = Pair(tmp_path)
        try:
            with pytest.raises(PeerAway):
                await pair.port.ask("b", Total(), DEADLINE_S)
        finally:
            pair.stop()

    asyncio.run(run())


def test_a_question_without_an_answer_ends_with_its_deadline(tmp_path: Path) -> None:
    async def run() -> None:
        async with linked(tmp_path) as pair:
            with pytest.raises(AskTimeout):
                await pair.port.ask("b", Total(), 0)
            assert await pair.port.ask("b", Total(), DEADLINE_S) == Sum(0)

    asyncio.run(run())


def test_a_watch_ends_when_its_state_is_reached_or_time_is_up(tmp_path: Path) -> None:
    async def run() -> None:
        async with linked(tmp_path) as pair:
            assert await pair.port.until(7, lambda count: count == 0, DEADLINE_S) == 0
            waiting = asyncio.ensure_future(pair.port.until(7, lambda count: count == 2, DEADLINE_S))
            await pair.port.status("a", DEADLINE_S)
            await pair.port.command(Add(7))
            assert not waiting.done()
            await pair.port.command(Add(7))
            assert await waiting == 2
            assert await pair.port.until(7, lambda count: count == 3, 0) is None
            await pair.port.status("a", DEADLINE_S)
            assert 7 not in pair.a_adder.watched

    asyncio.run(run())


def test_a_port_to_an_actor_that_has_stopped_says_so(tmp_path: Path) -> None:
    async def run() -> None:
        async with linked(tmp_path) as pair:
            watching = asyncio.ensure_future(pair.port.until(7, bool, DEADLINE_S))
            await pair.port.status("a", DEADLINE_S)
            pair.a.stop(timeout=DEADLINE_S)
            with pytest.raises(ActorStopped):
                await watching
            with pytest.raises(ActorStopped):
                await pair.port.command(Add(1))
            with pytest.raises(ActorStopped):
                await pair.port.status("a", DEADLINE_S)

    asyncio.run(run())


def test_a_socket_far_down_a_long_path_can_be_used(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a-folder-with-a-long-name"] * 8)
    deep.mkdir(parents=True)
    fd = os.open(deep, os.O_RDONLY)
    listener = links.listen(fd, "b")
    connection = links.connect(fd, "b")
    assert connection is not None
    for closing in (connection, listener):
        closing.close()
    os.close(fd)


def test_nobody_at_a_socket_is_not_an_error(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    assert links.connect(fd, "b") is None
    links.listen(fd, "b").close()
    assert links.connect(fd, "b") is None
    os.close(fd)


def test_a_process_of_another_user_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(ProtocolError, match="user"):
        links.Link(ours)
    theirs.close()
