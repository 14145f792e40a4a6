"""The actor: a pykka actor that carries out what its core says."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pykka

from actors.engine.core import ActorCore, Command, Release
from actors.engine.errors import ActorStopped
from actors.engine.mailbox import Mailbox, MailboxActor, Request, Work, end_process
from actors.engine.switchboard import Switchboard

logger = logging.getLogger("actors.engine")

Deliver = Callable[[list[tuple[Any, Any]], list[Any]], None]
"""Hands answers (by whoever waits) and feed messages to the other side of the process."""


class Commands(Request, frozen=True):
    """Local commands, in order."""

    commands: list[Command]


class Ask(Request, frozen=True):
    """A question for a peer's behaviour, or for its engine if the question is None."""

    peer: str
    question: Any
    reply: Any


class ForgetAsk(Request, frozen=True):
    """The deadline of a question has passed."""

    reply: Any


class AskOwnStatus(Request, frozen=True):
    """A question for this actor's own engine."""

    reply: Any


class Watch(Request, frozen=True):
    """Answer with the state under a key as soon as `ready` says so of it; both are cheap and pure."""

    key: Any
    ready: Callable[[Any], bool]
    reply: Any


class Unwatch(Request, frozen=True):
    """The deadline of a watch has passed."""

    key: Any
    reply: Any


class When(Request, frozen=True):
    """Call back, once, as soon as `ready` is true after a batch; both run in the actor's thread and are cheap."""

    ready: Callable[[], bool]
    callback: Callable[[], None]


class EngineActor(MailboxActor):
    """A durable actor around one behaviour.

    Every exception that leaves the core ends the process: it is a bug or broken surroundings, and what
    the actor would do next could not be trusted.
    """

    def __init__(self, core: ActorCore, directory: Path, deliver: Deliver | None = None) -> None:
        self._core = core
        self._deliver = deliver
        self._watches: dict[Any, list[Watch]] = {}
        self._milestones: list[When] = []
        core.behaviour.watched = self._watches
        self._switchboard = Switchboard(core, directory, self._carry_out)
        self._take: dict[type[Request], Callable[[Any], None]] = {
            Ask: self._ask,
            ForgetAsk: lambda request: core.forget_ask(request.reply),
            AskOwnStatus: lambda request: self._answer([(request.reply, core.status())]),
            Watch: self._watch,
            Unwatch: self._unwatch,
            When: self._milestones.append,
        }
        super().__init__(Mailbox(self._switchboard, self._idle, core.limits.requests_max))

    def __str__(self) -> str:
        return self._core.name

    def on_receive(self, message: Work) -> None:
        """Handle one batch."""
        try:
            self._work(message)
        except BaseException as error:  # noqa: BLE001 - pykka would only log it and stop this actor alone
            end_process(f"{self._core.name} failed", error)

    def _work(self, work: Work) -> None:
        commands: list[Command] = []
        aside: list[Request] = []
        for request in work.requests:
            if type(request) is Commands:
                commands += request.commands
            else:
                aside.append(request)
        if work.arrivals or commands:
            self._carry_out(self._core.cycle(work.arrivals, commands, time.time_ns() // 1_000))
            if self._core.behaviour.changed:
                self._report_changes()
        for request in aside:
            self._take[type(request)](request)
        if self._milestones:
            self._call_back()

    def _idle(self) -> None:
        self._carry_out(self._core.acknowledge_all())

    def _carry_out(self, release: Release) -> None:
        if release.frames:
            self._switchboard.send(release.frames)
        if release.answers or release.feeds:
            self._answer(release.answers, release.feeds)

    def _answer(self, answers: list[tuple[Any, Any]], feeds: list[Any] | None = None) -> None:
        assert self._deliver is not None, f"nobody in the process of {self._core.name} waits for answers"
        self._deliver(answers, feeds or [])

    def _ask(self, request: Ask) -> None:
        self._carry_out(self._core.ask(request.peer, request.question, request.reply))

    # Watches

    def _watch(self, request: Watch) -> None:
        state = self._core.behaviour.look(request.key)
        if request.ready(state):
            self._answer([(request.reply, state)])
        else:
            self._watches.setdefault(request.key, []).append(request)

    def _unwatch(self, request: Unwatch) -> None:
        self._keep_watches(request.key, [w for w in self._watches.get(request.key, ()) if w.reply is not request.reply])

    def _keep_watches(self, key: Any, watches: list[Watch]) -> None:
        if watches:
            self._watches[key] = watches
        else:
            self._watches.pop(key, None)

    def _report_changes(self) -> None:
        """Answer the watches whose key has changed in this batch to what they wait for."""
        behaviour = self._core.behaviour
        answers: list[tuple[Any, Any]] = []
        for key in dict.fromkeys(behaviour.changed):
            state = behaviour.look(key)
            waiting = []
            for watch in self._watches.get(key, ()):
                if watch.ready(state):
                    answers.append((watch.reply, state))
                else:
                    waiting.append(watch)
            self._keep_watches(key, waiting)
        behaviour.changed.clear()
        if answers:
            self._answer(answers)

    # Milestones and the end

    def _call_back(self) -> None:
        for milestone in [m for m in self._milestones if m.ready()]:
            self._milestones.remove(milestone)
            milestone.callback()

    def on_stop(self) -> None:
        """Close the links, and refuse what was told too late."""
        late = [w.reply for watches in self._watches.values() for w in watches]
        while not self._mailbox.empty():
            request = self._mailbox.get().message
            for one in request.requests if isinstance(request, Work) else ():
                if isinstance(one, Commands):
                    late += [command.reply for command in one.commands if command.reply is not None]
                elif isinstance(one, Ask | AskOwnStatus | Watch):
                    late.append(one.reply)
        status = self._core.status()
        logger.info(
            "%d messages in %d batches of at most %d; most that ever waited in an outbox: %d",
            status.messages,
            status.batches,
            status.batch_peak,
            max(status.outbox_peak.values(), default=0),
        )
        if late:
            self._answer([(reply, ActorStopped(f"{self._core.name} has stopped")) for reply in late])
        self._switchboard.close()


def start_actor(core: ActorCore, directory: Path, deliver: Deliver | None = None) -> pykka.ActorRef[EngineActor]:
    """Start an actor whose links live in the directory."""
    return EngineActor.start(core, directory, deliver)
