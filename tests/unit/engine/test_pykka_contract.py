"""What we rely on in pykka, beyond its documentation: the pin below 5 and these tests go together."""

import threading
from collections import deque
from importlib.metadata import version
from typing import Any

import pykka
import pytest
from pykka._envelope import Envelope


class Inbox:
    """An inbox of our own, as pykka's protocol wants it."""

    def __init__(self) -> None:
        self.items: deque[Envelope[Any]] = deque()
        self.ready = threading.Semaphore(0)

    def put(self, envelope: Envelope[Any], /) -> None:
        self.items.append(envelope)
        self.ready.release()

    def get(self) -> Envelope[Any]:
        self.ready.acquire()
        return self.items.popleft()

    def empty(self) -> bool:
        return not self.items


class Echo(pykka.ThreadingActor):
    """Takes its inbox from an instance method, set before pykka's own `__init__`."""

    def __init__(self, inbox: Inbox) -> None:
        self.inbox = inbox
        super().__init__()

    def _create_actor_inbox(self) -> Inbox:  # type: ignore[override]
        return self.inbox

    def on_receive(self, message: Any) -> Any:
        return message


def test_pykka_is_the_major_version_that_this_was_written_for() -> None:
    assert version("pykka").split(".")[0] == "4"


def test_an_instance_method_may_make_the_inbox() -> None:
    inbox = Inbox()
    actor = Echo.start(inbox)
    try:
        assert actor.actor_inbox is inbox
        assert actor.ask("hello", timeout=5) == "hello"
    finally:
        actor.stop(timeout=5)


def test_stop_and_ask_are_ordinary_puts() -> None:
    inbox = Inbox()
    actor = Echo.start(inbox)
    actor.stop(timeout=5)
    assert inbox.empty()
    assert not actor.is_alive()


def test_what_is_told_after_the_stop_is_refused() -> None:
    actor = Echo.start(Inbox())
    actor.stop(timeout=5)
    with pytest.raises(pykka.ActorDeadError):
        actor.tell("late")


def test_an_envelope_needs_nothing_but_a_message() -> None:
    envelope: Envelope[str] = Envelope("message")
    assert (envelope.message, envelope.reply_to) == ("message", None)


def test_an_actor_may_run_on_a_daemon_thread() -> None:
    assert pykka.ThreadingActor.use_daemon_thread is False
