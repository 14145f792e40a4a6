"""The one place where everything is wired together: which actors there are, and which nodes host them.

A node is started with strings and sockets only, so its settings travel as JSON; the gateway's node is
named by its entry point, since nothing in this package knows the gateway.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from socket import socket

import msgspec
import pykka

from actors.door import Door, DoorLimits
from actors.engine.actor import EngineActor, When, start_actor
from actors.engine.behaviour import Outgoing
from actors.engine.core import ActorCore, Limits
from actors.engine.node import PARENT_GONE, Control
from actors.engine.supervisor import Node, Supervisor, listen_tcp
from actors.matcher import Matcher
from actors.messages import Balances, BookChangedEvent, BookSnapshot, MarketDefinedEvent, Unknown, WalletAudit
from actors.topology import Topology
from actors.tracker import Tracker
from actors.wallet import Wallet

TRACKER_FEEDS = (BookChangedEvent, BookSnapshot, Balances, WalletAudit, Unknown)
"""What reaches a tracker beside the lanes: feeds, and answers to what its gateway asks."""
ACTOR_STOP_S = 2.0


class VenueSettings(msgspec.Struct, frozen=True):
    """What every node of a venue must know."""

    data_dir: str
    markets: tuple[MarketDefinedEvent, ...]
    topology: Topology
    door: DoorLimits
    finished_max: int
    transfers_max: int
    engine: Limits = Limits()

    @property
    def run_directory(self) -> Path:
        """Where the actors' sockets are."""
        return Path(self.data_dir) / "run"


class TrackerActor(msgspec.Struct, frozen=True):
    """A tracker with what its gateway needs of it."""

    tracker: Tracker
    door: Door
    core: ActorCore


# Actors


def make_wallet(settings: VenueSettings, shard: int, incarnation: int = 0) -> ActorCore:
    """Make the wallet of a shard, with its peers: all trackers and matchers."""
    topology = settings.topology
    outgoing = Outgoing()
    return ActorCore(
        topology.wallet_names[shard],
        Wallet(shard, topology, outgoing),
        outgoing,
        topology.tracker_names + topology.matcher_names,
        incarnation=incarnation,
        limits=settings.engine,
    )


def make_matcher(settings: VenueSettings, shard: int, incarnation: int = 0) -> ActorCore:
    """Make the matcher of a shard, with its peers: all trackers and wallets."""
    topology = settings.topology
    outgoing = Outgoing()
    return ActorCore(
        topology.matcher_names[shard],
        Matcher(shard, topology, outgoing, incarnation),
        outgoing,
        topology.tracker_names + topology.wallet_names,
        incarnation=incarnation,
        limits=settings.engine,
    )


def make_tracker(settings: VenueSettings, gateway: int, incarnation: int = 0) -> TrackerActor:
    """Make the tracker of a gateway and its door, with their peers: all wallets and matchers."""
    topology = settings.topology
    outgoing = Outgoing()
    tracker = Tracker(gateway, topology, outgoing, settings.finished_max, settings.transfers_max)
    door = Door(settings.door, tracker)
    core = ActorCore(
        topology.tracker_names[gateway],
        tracker,
        outgoing,
        topology.wallet_names + topology.matcher_names,
        feeds=TRACKER_FEEDS,
        incarnation=incarnation,
        limits=settings.engine,
        admit=door.admit,
    )
    door.away = core.away
    return TrackerActor(tracker, door, core)


# Nodes


def wallet_node(name: str, arguments: str, control: Control, extra: tuple[socket, ...]) -> None:
    """Host a wallet until the supervisor says stop."""
    del extra
    settings = read_settings(arguments)
    _host(make_wallet(settings, settings.topology.wallet_names.index(name)), settings, control)


def matcher_node(name: str, arguments: str, control: Control, extra: tuple[socket, ...]) -> None:
    """Host a matcher until the supervisor says stop."""
    del extra
    settings = read_settings(arguments)
    _host(make_matcher(settings, settings.topology.matcher_names.index(name)), settings, control)


def read_settings(arguments: str) -> VenueSettings:
    """Read what `venue_nodes` has written."""
    return msgspec.json.decode(arguments, type=VenueSettings)


def _host(core: ActorCore, settings: VenueSettings, control: Control) -> None:
    """Run one actor and do what the supervisor says."""
    actor = start_actor(core, settings.run_directory)
    actor.tell(When(core.is_connected, lambda: control.say("ready")))
    for word in control.words():
        if word == "drain":
            actor.tell(When(core.is_quiet, lambda: control.say("drained")))
        elif word == "stop":
            stop_actor(actor)
            return
    sys.exit(PARENT_GONE)


def stop_actor(actor: pykka.ActorRef[EngineActor]) -> None:
    """Stop an actor after what it has been told already; give up waiting after `ACTOR_STOP_S` seconds."""
    actor.stop(timeout=ACTOR_STOP_S)


# The venue


def venue_nodes(settings: VenueSettings, gateway_entry: str, gateway_arguments: str, listener: socket) -> list[Node]:
    """Describe all nodes of a venue; gateways share the listening socket."""
    topology = settings.topology
    arguments = msgspec.json.encode(settings).decode()
    return [
        *(Node(name, "actors.bootstrap:wallet_node", arguments) for name in topology.wallet_names),
        *(Node(name, "actors.bootstrap:matcher_node", arguments) for name in topology.matcher_names),
        *(
            Node(f"gateway-{number}", gateway_entry, gateway_arguments, (listener,))
            for number in range(topology.gateways)
        ),
    ]


def serve(
    settings: VenueSettings,
    gateway_entry: str,
    gateway_arguments: str,
    address: tuple[str, int],
    ready: Callable[[int], None],
) -> int:
    """Run a venue until SIGINT or SIGTERM; return its exit code.

    `gateway_entry` and `gateway_arguments` are what `run_node` takes; `address` is host and port to
    listen on (port 0: a free one), and `ready` is called with the port when orders can be placed.
    The caller holds the lock of the data directory.

    Raises:
        StartError: the address cannot be used.

    """
    settings.run_directory.mkdir(mode=0o700, exist_ok=True)
    with listen_tcp(*address) as listener:
        nodes = venue_nodes(settings, gateway_entry, gateway_arguments, listener)
        topology = settings.topology
        gateways = [node.name for node in nodes if node.name.startswith("gateway-")]
        # Nothing new comes in once the gateways are drained; wallets may still send to matchers, matchers settle last.
        order = [gateways, topology.wallet_names, topology.matcher_names]
        port: int = listener.getsockname()[1]
        return Supervisor(nodes, order, lambda: ready(port)).run()
