"""The gateway's own view of each market's book and latest trades, kept in step with the matcher's feed.

A feed may lose messages, and a matcher that starts anew counts anew. A view that misses a number says
that it is not in step, and is put right by a whole book, after which what has arrived meanwhile is applied.
"""

import asyncio
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

from actors.engine.errors import EngineError
from actors.messages import BookChangedEvent, BookQuery, BookSnapshot, Level, TradePrint

TRADES_MAX = 1_000
"""How many of the latest trades of a market are kept."""
WAITING_MAX = 1_000
"""How many changes are kept while the whole book is on its way; with more, it has to be asked for again."""
REBUILD_LEVELS = 256
"""A change of more levels sorts the side anew, which is quicker than moving its prices about one by one."""
ASK_TIMEOUT_S = 2.0
ASK_AGAIN_S = 0.05


class Levels:
    """The price levels of one side."""

    __slots__ = ("_prices", "_totals")

    def __init__(self, levels: Iterable[Level] = ()) -> None:
        self._totals: dict[int, int] = dict(levels)
        self._prices: list[int] = sorted(self._totals)

    def apply(self, levels: Sequence[Level]) -> None:
        """Set the totals of levels; a level of 0 is gone."""
        totals = self._totals
        prices = self._prices
        if len(levels) > REBUILD_LEVELS:
            totals.update(levels)
            self._totals = {price: total for price, total in totals.items() if total}
            self._prices = sorted(self._totals)
            return
        for price, total in levels:
            if total:
                if price not in totals:
                    insort(prices, price)
                totals[price] = total
            elif totals.pop(price, 0):
                del prices[bisect_left(prices, price)]

    def lowest(self, depth: int) -> list[Level]:
        """Levels from the lowest price on, at most so many."""
        totals = self._totals
        return [(price, totals[price]) for price in self._prices[:depth]]

    def highest(self, depth: int) -> list[Level]:
        """Levels from the highest price on, at most so many."""
        totals = self._totals
        return [(price, totals[price]) for price in self._prices[: -depth - 1 : -1]]

    @property
    def lowest_price(self) -> int:
        """The lowest price, 0 when there is no level."""
        return self._prices[0] if self._prices else 0


class BookView:
    """One market's book as the gateway knows it; `incarnation` and `sequence` say how far."""

    __slots__ = ("_waiting", "asks", "bids", "in_step", "incarnation", "sequence", "trades")

    def __init__(self) -> None:
        self.bids = Levels()
        self.asks = Levels()
        self.trades: deque[TradePrint] = deque(maxlen=TRADES_MAX)
        self.incarnation = 0
        self.sequence = 0
        self.in_step = False
        """False from a missed number until the whole book is there, and at the start."""
        self._waiting: deque[BookChangedEvent] = deque(maxlen=WAITING_MAX)

    def change(self, event: BookChangedEvent) -> bool:
        """Take the next message of the feed; return whether the view is in step after it."""
        if self.in_step:
            if event.sequence == self.sequence + 1 and event.incarnation == self.incarnation:
                self._apply(event)
                return True
            if event.sequence <= self.sequence and event.incarnation == self.incarnation:
                return True
            self.in_step = False
        self._waiting.append(event)
        return False

    def replace(self, book: BookSnapshot) -> bool:
        """Take the whole book, then what has arrived since; return whether the view is in step after it.

        A snapshot that is older than what the view shows is no use while the view is in step.
        """
        if self.in_step and book.incarnation == self.incarnation and book.sequence <= self.sequence:
            return True
        self.bids = Levels(book.bids)
        self.asks = Levels(book.asks)
        self.trades = deque(book.trades, maxlen=TRADES_MAX)
        self.incarnation = book.incarnation
        self.sequence = book.sequence
        self.in_step = True
        waiting = list(self._waiting)
        self._waiting.clear()
        for event in waiting:
            if event.incarnation == book.incarnation:
                self.change(event)
            else:
                # It is of another life of the matcher, earlier or later: which, only another book can tell.
                self.in_step = False
        return self.in_step

    def _apply(self, event: BookChangedEvent) -> None:
        self.bids.apply(event.bids)
        self.asks.apply(event.asks)
        self.trades.extend(event.trades)
        self.sequence = event.sequence


class Source(Protocol):
    """What the books need of the port."""

    on_feed: Callable[[list[Any]], None]

    async def ask(self, peer: str, question: Any, timeout_s: float) -> Any:
        """Put a question to an actor."""


class Books:
    """The views of all markets, and the road by which they come back into step.

    Everything here belongs to the event loop's thread.
    """

    def __init__(self, source: Source, matchers: Mapping[str, str]) -> None:
        """Begin to follow markets; `matchers` names for each the actor that keeps its book. Needs a running loop."""
        self._source = source
        self._matchers = dict(matchers)
        self._views = {symbol: BookView() for symbol in matchers}
        self._catching_up: dict[str, asyncio.Task[None]] = {}
        source.on_feed = self.on_feed
        for symbol in matchers:
            self._catch_up(symbol)

    def on_feed(self, messages: Iterable[Any]) -> None:
        """Take what arrives on feeds; a market that is not followed is no concern of this gateway."""
        for message in messages:
            view = self._views.get(message.market)
            if view is not None and not view.change(message):
                self._catch_up(message.market)

    async def view(self, symbol: str, timeout_s: float) -> BookView:
        """Return the view of a market, in step.

        Raises:
            TimeoutError: it is not in step, and its matcher does not answer in time.

        """
        view = self._views[symbol]
        while not view.in_step:
            async with asyncio.timeout(timeout_s):
                await asyncio.shield(self._catch_up(symbol))
        return view

    def _catch_up(self, symbol: str) -> asyncio.Task[None]:
        """Ask for a market's book, unless that is being done already."""
        task = self._catching_up.get(symbol)
        if task is None or task.done():
            task = self._catching_up[symbol] = asyncio.create_task(self._fetch(symbol))
        return task

    async def _fetch(self, symbol: str) -> None:
        """Ask for the whole book until the view is in step."""
        view = self._views[symbol]
        while True:
            with suppress(EngineError):
                book = await self._source.ask(self._matchers[symbol], BookQuery(symbol), ASK_TIMEOUT_S)
                # A matcher that answers Unknown has not heard of the market yet: its definition is on the way.
                if isinstance(book, BookSnapshot) and view.replace(book):
                    return
            await asyncio.sleep(ASK_AGAIN_S)
