"""Operations per second of the pure order book on one processor, beside a bare dict-and-deque book, in one run.

First a mix: 60 % limit orders that rest, 30 % cancels, 10 % orders that match, with about 1,400 orders on
the book; both books do the same slices of it in turn, so that a machine whose speed drifts is fair to both,
and all their fills are compared. Then a deep book: a million orders on 10,000 levels, all cancelled in
random order; bytes per order are the growth of the process's resident memory while they were added, with
each number and account name made anew, as they come off the wire. The garbage collector is frozen and off,
as it is in a matcher's process. Time is the process's own: nothing here waits, and neighbours on the machine
count least that way. `python -m bench.book --help` lists the options.
"""

import argparse
import gc
import multiprocessing
import os
import random
import time
from bisect import insort
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import msgspec

from actors.book import OrderBook
from actors.messages import Side
from bench.report import machine, ratios, spread, write_results

RESTING = 1_400
SLICE = 500
"""Operations that one book does before it is the other's turn; after each, the changed levels are drained."""
MIDDLE = 10_000
DISTANCE_MAX = 100
"""Orders that rest are up to so many ticks from the middle; those that match may go as far beyond it."""
QUANTITY_MAX = 100
ACCOUNTS = 100
DEEP_LEVELS = 10_000
DEEP_ACCOUNTS = 1_000
DEEP_CHUNK = 10_000
"""Orders that are prepared at a time, so that hardly anything but the deep book itself takes memory."""

Operation = tuple[int, str, Side, int, int]
"""Order id, account, side, price and quantity of a limit order, or with price 0 the order's cancel."""


class Book(Protocol):
    """What the books under test have in common."""

    def limit(self, order_id: int, account: str, side: Side, price: int, quantity: int) -> Sequence[tuple[Any, ...]]:
        """Match an order, queue its rest, and return the fills."""

    def cancel(self, account: str, order_id: int) -> int:
        """Take an order off the book."""


class BareBook:
    """As little as can match by price and time: no accounts, no totals, no changes, no checks."""

    def __init__(self) -> None:
        self.bids: dict[int, deque[list[int]]] = {}
        self.asks: dict[int, deque[list[int]]] = {}
        self.bid_keys: list[int] = []
        self.ask_keys: list[int] = []
        self.orders: dict[int, list[int]] = {}

    def limit(self, order_id: int, account: str, side: Side, price: int, quantity: int) -> list[tuple[int, ...]]:
        """Match an order and queue its rest; a fill is the maker's id, price, quantity, and what remains of it."""
        if side is Side.BUY:
            own, own_keys, opposite, keys, key = self.bids, self.bid_keys, self.asks, self.ask_keys, price
        else:
            own, own_keys, opposite, keys, key = self.asks, self.ask_keys, self.bids, self.bid_keys, -price
        fills: list[tuple[int, ...]] = []
        while quantity and keys and keys[-1] + key >= 0:
            best = keys[-1]
            queue = opposite[best]
            while quantity and queue:
                maker = queue[0]
                resting = maker[1]
                if resting > quantity:
                    maker[1] = resting - quantity
                    fills.append((maker[0], abs(best), quantity, maker[1]))
                    quantity = 0
                else:
                    queue.popleft()
                    if resting:
                        quantity -= resting
                        fills.append((maker[0], abs(best), resting, 0))
                        del self.orders[maker[0]]
            if not queue:
                keys.pop()
                del opposite[best]
        if quantity:
            self.orders[order_id] = order = [order_id, quantity]
            if key in own:
                own[key].append(order)
            else:
                own[key] = deque((order,))
                insort(own_keys, key)
        return fills

    def cancel(self, account: str, order_id: int) -> int:
        """Take an order off the book; it stays in its queue with quantity 0."""
        order = self.orders.pop(order_id, None)
        if order is None:
            return 0
        remaining = order[1]
        order[1] = 0
        return remaining


class Deep(msgspec.Struct, frozen=True):
    """What one filling and emptying of a deep book showed."""

    adds_per_s: float
    cancels_per_s: float
    bytes_per_order: float


# The mix


def prepare_mix(count: int, seed: int) -> tuple[list[Operation], list[Operation]]:
    """Return orders that fill a book, and a mix of operations that keeps it about as full."""
    rng = random.Random(seed)
    book = BareBook()
    owners: dict[int, str] = {}
    open_ids: list[int] = []
    """In any order; may hold ids that have matched meanwhile, which are passed over when they are drawn."""

    def order(price: int, side: Side, quantity_max: int) -> Operation:
        order_id = len(owners) + 1
        owners[order_id] = f"account-{rng.randrange(ACCOUNTS)}"
        operation = (order_id, owners[order_id], side, price, rng.randint(1, quantity_max))
        book.limit(*operation)
        open_ids.append(order_id)
        return operation

    def resting() -> Operation:
        distance = rng.randint(1, DISTANCE_MAX)
        if rng.random() < 0.5:  # noqa: PLR2004 - a fair coin
            return order(MIDDLE - distance, Side.BUY, QUANTITY_MAX)
        return order(MIDDLE + distance, Side.SELL, QUANTITY_MAX)

    def matching() -> Operation:
        # Of what comes, a half is cancelled; the rest must match, three orders for one, or the book would grow.
        # To match more while there is more to match holds its size near the mark.
        quantity_max = 3 * QUANTITY_MAX * len(book.orders) // RESTING + 1
        if rng.random() < 0.5:  # noqa: PLR2004 - a fair coin
            return order(MIDDLE + DISTANCE_MAX, Side.BUY, quantity_max)
        return order(MIDDLE - DISTANCE_MAX, Side.SELL, quantity_max)

    def cancel() -> Operation:
        while True:
            place = rng.randrange(len(open_ids))
            open_ids[place], open_ids[-1] = open_ids[-1], open_ids[place]
            order_id = open_ids.pop()
            if order_id in book.orders:
                book.cancel("", order_id)
                return order_id, owners[order_id], Side.BUY, 0, 0

    filling = [resting() for _ in range(RESTING)]
    makers = rng.choices((resting, cancel, matching), (60, 30, 10), k=count)
    return filling, [make() for make in makers]


def perform(book: Book, operations: Sequence[Operation]) -> list[Sequence[tuple[Any, ...]]]:
    """Do the operations and return the fills, order by order."""
    limit, cancel = book.limit, book.cancel
    traded = []
    for order_id, account, side, price, quantity in operations:
        if price:
            fills = limit(order_id, account, side, price, quantity)
            if fills:
                traded.append(fills)
        else:
            cancel(account, order_id)
    return traded


def measure_mix(filling: list[Operation], mix: list[Operation]) -> tuple[float, float, int]:
    """Return operations per second of the bare book and of ours, and the number of fills on which they agreed."""
    bare, ours = BareBook(), OrderBook()
    perform(bare, filling)
    perform(ours, filling)
    bare_s = ours_s = 0.0
    fills = 0
    for start in range(0, len(mix), SLICE):
        operations = mix[start : start + SLICE]
        begin = time.process_time()
        expected = perform(bare, operations)
        middle = time.process_time()
        traded = perform(ours, operations)
        ours.drain_changes()
        end = time.process_time()
        bare_s += middle - begin
        ours_s += end - middle
        if [[(maker, *rest) for maker, _, *rest in each] for each in traded] != expected:
            raise SystemExit(f"the fills of operations {start:,} to {start + SLICE:,} are not those of the bare book")
        fills += sum(map(len, expected))
    return len(mix) / bare_s, len(mix) / ours_s, fills


# The deep book


def deep_orders(count: int, seed: int) -> Iterator[list[Operation]]:
    """Make the orders of a deep book piece by piece, each with numbers and a name of its own."""
    rng = random.Random(seed)
    for start in range(0, count, DEEP_CHUNK):
        chunk = []
        for number in range(start + 1, min(start + DEEP_CHUNK, count) + 1):
            side = Side(number % 2)
            distance = rng.randint(1, DEEP_LEVELS // 2)
            price = MIDDLE - distance if side is Side.BUY else MIDDLE + distance
            chunk.append(
                (number << 12, f"account-{rng.randrange(DEEP_ACCOUNTS)}", side, price, rng.randint(1_000, 9_999))
            )
        yield chunk


def measure_deep(kind: type[BareBook | OrderBook], count: int, seed: int) -> Deep:
    """Fill a book with so many orders, then cancel all of them in random order."""
    gc.freeze()
    gc.disable()
    book = kind()
    next(deep_orders(DEEP_CHUNK, seed))  # What a chunk itself takes is taken before the first look at memory.
    before = resident_bytes()
    adds_s = sum(timed(book, chunk) for chunk in deep_orders(count, seed))
    grown = resident_bytes() - before
    cancels = [
        (order_id, account, side, 0, 0) for chunk in deep_orders(count, seed) for order_id, account, side, _, _ in chunk
    ]
    random.Random(seed).shuffle(cancels)
    cancels_s = sum(timed(book, cancels[start : start + SLICE]) for start in range(0, count, SLICE))
    if isinstance(book, OrderBook) and book.snapshot() != ((), ()):
        raise SystemExit("orders are left after all have been cancelled")
    return Deep(count / adds_s, count / cancels_s, grown / count)


def timed(book: BareBook | OrderBook, operations: Sequence[Operation]) -> float:
    """Do the operations and return how many seconds it took."""
    begin = time.process_time()
    perform(book, operations)
    if isinstance(book, OrderBook):
        book.drain_changes()
    return time.process_time() - begin


def resident_bytes() -> int:
    """Return how much memory this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# The report


def report_mix(operations: int, repeat: int, seed: int) -> dict[str, Any]:
    """Measure the mix, print and return the figures."""
    filling, mix = prepare_mix(operations, seed)
    gc.collect()
    gc.freeze()
    gc.disable()
    measure_mix(filling, mix)
    bare, ours, fills = zip(*(measure_mix(filling, mix) for _ in range(repeat)), strict=True)
    share = ratios(ours, bare)
    print(f"mix of {operations:,} operations, {fills[0]:,} fills, {repeat} times; minimum / median / maximum")
    print(f"  {'bare book':24s} {spread(bare):>35s} operations/s")
    print(f"  {'order book':24s} {spread(ours):>35s} operations/s")
    print(f"  {'ratio':24s} {spread(share, '.3f'):>35s}")
    return {"operations": operations, "fills": fills[0], "bare": bare, "ours": ours, "ratio": share}


def report_deep(orders: int, repeat: int, seed: int) -> dict[str, list[Deep]]:
    """Measure the deep book, each time in a fresh process; print and return the figures."""
    results: dict[str, list[Deep]] = {"bare": [], "ours": []}
    for _ in range(repeat):
        for name, kind in (("bare", BareBook), ("ours", OrderBook)):
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
                results[name].append(process.submit(measure_deep, kind, orders, seed).result())
    print(f"{orders:,} orders on {DEEP_LEVELS:,} levels, {repeat} times; minimum / median / maximum")
    for label, name in (("bare book", "bare"), ("order book", "ours")):
        deep = results[name]
        print(f"  {label:24s} {spread([d.adds_per_s for d in deep]):>35s} adds/s")
        print(f"  {'':24s} {spread([d.cancels_per_s for d in deep]):>35s} cancels/s")
        print(f"  {'':24s} {spread([d.bytes_per_order for d in deep]):>35s} bytes/order")
    return results


def main() -> None:
    """Measure the mix, then the deep book."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--operations", type=int, default=200_000, help="of the mix (default 200,000)")
    parser.add_argument("--repeat", type=int, default=7, help="times that the mix is measured (default 7)")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--deep", action=argparse.BooleanOptionalAction, default=True, help="measure the deep book too")
    parser.add_argument("--deep-orders", type=int, default=1_000_000, help="default 1,000,000")
    parser.add_argument("--deep-repeat", type=int, default=3, help="times that the deep book is measured (default 3)")
    parser.add_argument("--quick", action="store_true", help="a tenth of the operations and orders")
    parser.add_argument("--json", help="file for the figures")
    given = parser.parse_args()
    share = 10 if given.quick else 1
    measured_on = machine()
    print(measured_on)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    mix = report_mix(given.operations // share, given.repeat, given.seed)
    results: dict[str, Any] = {"machine": measured_on, "mix": mix}
    if given.deep:
        results["deep"] = report_deep(given.deep_orders // share, given.deep_repeat, given.seed)
    write_results(given.json, msgspec.to_builtins(results))


if __name__ == "__main__":
    main()
