"""Orders per second through the whole pipeline, without HTTP and without journal.

A generator in the gateway's process tells prepared orders to the tracker's mailbox, as the HTTP side
does; tracker, wallets and matchers run in processes of their own, over the same links as in production.
Measured is the time from the first order until everything is placed, settled, reported back and
acknowledged. `python -m bench.pipeline --help` lists the options.
"""

import argparse
import multiprocessing
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from socket import SHUT_WR, socket, socketpair
from statistics import median
from typing import Any

import msgspec

from actors.bootstrap import VenueSettings, make_tracker, read_settings, stop_actor, venue_nodes
from actors.door import DoorLimits
from actors.engine.actor import Commands, When, start_actor
from actors.engine.codec import BatchDecoder, encode_batch
from actors.engine.core import ActorStatus, Command, Limits
from actors.engine.node import PARENT_GONE, Control
from actors.engine.supervisor import Supervisor
from actors.messages import (
    DepositEvent,
    MarketDefinedEvent,
    OrderCreateEvent,
    OrderType,
    Side,
    TimeInForce,
)
from actors.topology import Topology
from bench.report import machine, spread, write_results

FUNDS = 10**12
CHUNK = 256
"""Orders handed over in one go, as one turn of a busy event loop would."""
GENERATOR = "bench.pipeline:generator_node"
DEADLINE_S = 300.0
"""Longest that one repetition may take."""


class Load(msgspec.Struct, frozen=True):
    """What is sent: how many orders, by how many accounts, in how many markets, how many at once."""

    orders: int = 300_000
    accounts: int = 1_000
    markets: int = 1
    window: int = 20_000
    """Most orders in flight."""
    repeat: int = 5
    seed: int = 7


class Run(msgspec.Struct, frozen=True):
    """What one repetition showed."""

    seconds: float
    orders_per_s: float
    trades_per_order: float
    cpu_us_per_order: dict[str, float]
    """By node: processor time for each order."""
    batch_mean: float
    """Messages that the tracker took at once, on average."""


class _Job(msgspec.Struct, frozen=True):
    settings: str
    load: Load
    result: str
    """File for the results, since the node has no other way to speak than its control socket."""


def market(number: int, matchers: int) -> MarketDefinedEvent:
    """Return the parameters of a market like BTC-USDT of the default configuration."""
    return MarketDefinedEvent(
        f"M{number}-USDT", f"M{number}", "USDT", 8, 8, 2, 1, 1_000, 0, 1_000, 2_000, 50_000, number % matchers
    )


def make_orders(load: Load, markets: tuple[MarketDefinedEvent, ...], rng: random.Random) -> list[Command]:
    """Prepare limit orders of both sides close around a price, so that most of them trade."""
    accounts = [f"trader-{n}" for n in range(load.accounts)]
    symbols = [m.market for m in markets]
    sides = (Side.BUY, Side.SELL)
    return [
        Command(
            OrderCreateEvent(
                0,
                rng.choice(accounts),
                rng.choice(symbols),
                rng.choice(sides),
                OrderType.LIMIT,
                TimeInForce.GTC,
                False,
                100_000 + rng.randint(-20, 20),
                rng.randint(1, 10),
                0,
                "",
                0,
            )
        )
        for _ in range(load.orders)
    ]


def generator_node(name: str, arguments: str, control: Control, extra: tuple[socket, ...]) -> None:
    """Be the gateway's process: tell orders to the tracker, and write down how long they took."""
    job = msgspec.json.decode(arguments, type=_Job)
    settings = read_settings(job.settings)
    own = make_tracker(settings, 0)
    actor = start_actor(own.core, settings.run_directory, _discard)
    in_flight = own.tracker.in_flight

    def wait(ready: Callable[[], bool]) -> None:
        reached = threading.Event()
        actor.tell(When(ready, reached.set))
        if not reached.wait(DEADLINE_S):
            raise TimeoutError("the pipeline stands still")

    wait(own.core.is_connected)
    funding = [Command(definition) for definition in settings.markets]
    assets = ["USDT", *(definition.base for definition in settings.markets)]
    accounts = [f"trader-{number}" for number in range(job.load.accounts)]
    funding += [Command(DepositEvent(f"t-{a}", name, a, FUNDS, 0)) for name in accounts for a in assets]
    for start in range(0, len(funding), CHUNK):
        actor.tell(Commands(funding[start : start + CHUNK]))
        wait(own.core.is_quiet)
    control.say("ready")
    rng = random.Random(job.load.seed)
    half = max(CHUNK, job.load.window // 2 // CHUNK * CHUNK)

    def has_room() -> bool:
        return sum(map(sum, in_flight.orders)) <= half

    runs = []
    for _ in range(job.load.repeat + 1):
        orders = make_orders(job.load, settings.markets, rng)
        before = own.core.status()
        cpu = _cpu_seconds()
        started = time.perf_counter()
        for start in range(0, len(orders), half):
            for at in range(start, min(start + half, len(orders)), CHUNK):
                actor.tell(Commands(orders[at : at + CHUNK]))
            wait(has_room)  # This is asked behind the orders, when all of them have been taken in.
        wait(own.core.is_quiet)
        seconds = time.perf_counter() - started
        runs.append(_summarise(job.load.orders, seconds, cpu, before, own.core.status()))
    Path(job.result).write_bytes(msgspec.json.encode(runs[1:]))
    control.say("finished")
    for word in control.words():
        if word == "drain":
            control.say("drained")
        elif word == "stop":
            stop_actor(actor)
            return
    sys.exit(PARENT_GONE)


def _discard(answers: list[tuple[Any, Any]], feeds: list[Any]) -> None:
    """Nobody waits for answers or looks at the book here."""


def _summarise(orders: int, seconds: float, cpu: dict[str, float], before: ActorStatus, after: ActorStatus) -> Run:
    # Of each order the tracker hears once from the wallet, once from the matcher, and of its trades.
    messages = sum(after.handled.values()) - sum(before.handled.values())
    return Run(
        seconds,
        orders / seconds,
        messages / orders - 2,
        {name: (used - cpu[name]) / orders * 1e6 for name, used in _cpu_seconds().items()},
        (after.messages - before.messages) / (after.batches - before.batches),
    )


def _cpu_seconds() -> dict[str, float]:
    """Processor time of every node of this venue so far, by name: the children of our parent."""
    ticks = os.sysconf("SC_CLK_TCK")
    seconds = {}
    parent = os.getppid()
    for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        name, _, rest = (Path("/proc") / child / "stat").read_text().partition("(")[2].rpartition(")")
        if "-" in name:  # Nodes are called wallet-0 and the like; multiprocessing's own helper is not one.
            fields = rest.split()
            seconds[name] = (int(fields[11]) + int(fields[12])) / ticks
    return dict(sorted(seconds.items()))


def measure(load: Load, topology: Topology, limits: Limits, *, pin: bool = True) -> list[Run]:
    """Start a venue, put the load through it, stop it, and return what each repetition showed."""
    if pin:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    with tempfile.TemporaryDirectory() as folder:
        settings = VenueSettings(
            folder,
            tuple(market(n, topology.matchers) for n in range(load.markets)),
            topology,
            DoorLimits(10**9, 10**9),
            finished_max=200_000,
            transfers_max=1_000_000,
            engine=limits,
        )
        settings.run_directory.mkdir()
        result = Path(folder) / "result.json"
        job = _Job(msgspec.json.encode(settings).decode(), load, str(result))
        unused, other = socketpair()
        nodes = venue_nodes(settings, GENERATOR, msgspec.json.encode(job).decode(), unused)
        code = Supervisor(nodes, [[node.name for node in nodes]], lambda: None, until="finished").run()
        unused.close()
        other.close()
        if code != 0:
            raise SystemExit(f"the venue ended with exit code {code}")
        return msgspec.json.decode(result.read_bytes(), type=list[Run])


BARE_MESSAGES = 400_000
BARE_BATCH = 200


def bare_pair() -> float:
    """Messages per second from one process to another over a bare socket pair: the limit that any pipeline has.

    Orders in batches of 200, written and read by the same codec as on the lanes; nobody numbers, keeps or handles them.
    """
    ours, theirs = socketpair()
    reader = multiprocessing.get_context("spawn").Process(target=_read_orders, args=(theirs,))
    reader.start()
    theirs.close()
    orders = [command.message for command in make_orders(Load(BARE_BATCH), (market(0, 1),), random.Random(1))]
    with ours:
        ours.recv(1)  # The reader has started and is ready.
        started = time.perf_counter()
        for _ in range(BARE_MESSAGES // BARE_BATCH):
            payload = encode_batch(orders)
            ours.sendall(len(payload).to_bytes(4, "little") + payload)
        ours.shutdown(SHUT_WR)
        ours.recv(1)  # The reader has read everything.
        seconds = time.perf_counter() - started
    reader.join()
    return BARE_MESSAGES / seconds


def _read_orders(connection: socket) -> None:
    """Read batches of orders until the other side has no more."""
    decoder = BatchDecoder([OrderCreateEvent])
    with connection, connection.makefile("rb") as stream:
        connection.sendall(b".")
        while head := stream.read(4):
            decoder.decode_batch(stream.read(int.from_bytes(head, "little")), "writer")
        connection.sendall(b".")


def show(title: str, runs: list[Run]) -> None:
    """Print what the repetitions of one load showed: minimum / median / maximum."""
    nodes = runs[0].cpu_us_per_order
    print(f"{title:34s} {spread([run.orders_per_s for run in runs]):>28s} orders/s", end="")
    print(f"   batches of {median(run.batch_mean for run in runs):6,.0f}   processor µs/order:", end="")
    print(*(f" {name} {median(run.cpu_us_per_order[name] for run in runs):.1f}" for name in nodes))


def sweep(load: Load, limits: Limits) -> Iterator[tuple[str, Load, Topology, Limits]]:
    """Name the loads that show what changes with batch limit, shards and accounts, one parameter at a time."""
    for size in (4_096, 16_384, 65_536, 1_048_576):
        changed = msgspec.structs.replace(limits, read_bytes_max=size, requests_max=max(1, size // 65_536))
        yield f"links read {size:,} bytes at once", load, Topology(), changed
    for wallets, matchers in ((2, 1), (1, 2), (2, 2), (4, 4)):
        spread_out = msgspec.structs.replace(load, markets=max(matchers, load.markets))
        yield f"{wallets} wallets, {matchers} matchers", spread_out, Topology(wallets, matchers), limits
    for accounts in (10, 100, 10_000, 100_000):
        yield f"{accounts:,} accounts", msgspec.structs.replace(load, accounts=accounts), Topology(), limits


def main() -> None:
    """Measure one load, and with --sweep how it changes with each of its parameters."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for field, default in zip(Load.__struct_fields__, Load.__struct_defaults__, strict=True):
        parser.add_argument(f"--{field}", type=int, default=default, help=f"default {default:,}")
    parser.add_argument("--wallets", type=int, default=1)
    parser.add_argument("--matchers", type=int, default=1)
    parser.add_argument("--sweep", action="store_true", help="also change batch limit, shards and accounts in turn")
    parser.add_argument("--json", help="file for the figures")
    given = parser.parse_args()
    load = Load(**{field: getattr(given, field) for field in Load.__struct_fields__})
    limits = Limits()
    print(machine())
    print(f"{load.orders:,} limit orders, {load.repeat} times after a warm-up, at most {load.window:,} in flight")
    base = Topology(given.wallets, given.matchers)
    loads = [(f"{base.wallets} wallet(s), {base.matchers} matcher(s), {load.accounts:,} accounts", load, base, limits)]
    if given.sweep:
        loads += sweep(load, limits)
    bare = [bare_pair() for _ in range(load.repeat)]
    results = {}
    for title, one, topology, changed in loads:
        results[title] = runs = measure(one, topology, changed)
        show(title, runs)
    bare += [bare_pair() for _ in range(load.repeat)]
    print(f"{'bare socket pair, one hop':34s} {spread(bare):>28s} messages/s")
    share = median(run.orders_per_s for run in results[loads[0][0]]) / median(bare)
    print(f"{'orders/s for each message/s of it':34s} {share:28.3f}")
    write_results(given.json, {"machine": machine(), "load": load, "runs": results, "bare": bare, "ratio": share})


if __name__ == "__main__":
    main()
