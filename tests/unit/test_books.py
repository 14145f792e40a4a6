import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.engine.errors import PeerAway
from actors.messages import BookChangedEvent, BookQuery, BookSnapshot, Level, Side, TradePrint, Unknown
from gateway.books import REBUILD_LEVELS, TRADES_MAX, WAITING_MAX, Books, BookView, Levels

M = "BTC-USDT"


def change(
    sequence: int, bids: tuple[Level, ...] = (), asks: tuple[Level, ...] = (), trades: int = 0, incarnation: int = 1
) -> BookChangedEvent:
    prints = tuple(TradePrint(sequence * 1000 + n, 100, 1, Side.BUY, 0) for n in range(trades))
    return BookChangedEvent(M, incarnation, sequence, bids, asks, prints)


def whole(
    sequence: int, bids: tuple[Level, ...] = (), asks: tuple[Level, ...] = (), incarnation: int = 1
) -> BookSnapshot:
    return BookSnapshot(M, incarnation, sequence, bids, asks, ())


def view_at(sequence: int, bids: tuple[Level, ...] = (), asks: tuple[Level, ...] = ()) -> BookView:
    view = BookView()
    assert view.replace(whole(sequence, bids, asks))
    return view


# One view


def test_a_view_is_not_in_step_until_it_has_a_whole_book() -> None:
    view = BookView()
    assert not view.in_step
    assert not view.change(change(1, bids=((100, 5),)))
    assert view.replace(whole(0))
    assert view.bids.highest(9) == [(100, 5)]


def test_levels_come_change_and_go() -> None:
    view = view_at(4, bids=((100, 5), (99, 1)), asks=((101, 2),))
    assert view.change(change(5, bids=((100, 7), (98, 3)), asks=((101, 0), (103, 4))))
    assert view.bids.highest(9) == [(100, 7), (99, 1), (98, 3)]
    assert view.asks.lowest(9) == [(103, 4)]
    assert view.asks.lowest_price == 103


def test_a_depth_shows_the_best_levels_only() -> None:
    view = view_at(1, bids=((100, 5), (99, 1), (98, 2)), asks=((101, 2), (102, 1), (103, 9)))
    assert view.bids.highest(2) == [(100, 5), (99, 1)]
    assert view.asks.lowest(1) == [(101, 2)]


def test_an_empty_side_has_no_best_price() -> None:
    assert view_at(1).asks.lowest_price == 0
    assert view_at(1).asks.lowest(5) == []


def test_a_missed_number_takes_the_view_out_of_step_until_the_book_is_whole_again() -> None:
    view = view_at(1, bids=((100, 5),))
    assert not view.change(change(3, bids=((100, 9),)))
    assert not view.change(change(4, bids=((97, 1),)))
    assert view.replace(whole(3, bids=((100, 9), (99, 2))))
    assert view.bids.highest(9) == [(100, 9), (99, 2), (97, 1)]
    assert view.sequence == 4


def test_what_the_whole_book_holds_already_is_not_applied_again() -> None:
    view = view_at(1)
    view.change(change(3, trades=1))
    view.change(change(4, bids=((100, 1),)))
    assert view.replace(whole(4, bids=((100, 6),)))
    assert view.bids.highest(9) == [(100, 6)]
    assert not view.trades


def test_a_gap_among_what_waited_needs_another_book() -> None:
    view = BookView()
    view.change(change(5))
    view.change(change(7))
    assert not view.replace(whole(5))
    assert view.replace(whole(6))
    assert view.sequence == 7


def test_a_message_that_comes_twice_changes_nothing() -> None:
    view = view_at(1)
    assert view.change(change(2, bids=((100, 5),), trades=1))
    assert view.change(change(2, bids=((100, 5),), trades=1))
    assert len(view.trades) == 1


def test_a_matcher_that_starts_anew_takes_the_view_out_of_step() -> None:
    view = view_at(1, bids=((100, 5),))
    assert not view.change(change(2, incarnation=2))
    assert view.replace(whole(2, bids=((90, 1),), incarnation=2))
    assert view.bids.highest(9) == [(90, 1)]


def test_messages_of_an_earlier_life_that_waited_need_one_more_book_and_no_more() -> None:
    view = BookView()
    view.change(change(8, bids=((100, 5),), incarnation=1))
    assert not view.replace(whole(3, incarnation=2))
    assert view.replace(whole(3, bids=((90, 1),), incarnation=2))
    assert view.bids.highest(9) == [(90, 1)]


def test_an_old_book_that_comes_late_does_not_take_the_view_back() -> None:
    view = view_at(1)
    view.change(change(2, bids=((100, 5),)))
    assert view.replace(whole(1))
    assert view.bids.highest(9) == [(100, 5)]


def test_the_latest_trades_are_kept_and_the_oldest_go_first() -> None:
    view = view_at(0)
    for sequence in range(1, 4):
        view.change(change(sequence, trades=400))
    assert len(view.trades) == TRADES_MAX
    assert [view.trades[0].trade_id, view.trades[-1].trade_id] == [1200, 3399]


def test_what_waits_is_bounded_and_then_the_book_is_asked_for_again() -> None:
    view = BookView()
    for sequence in range(1, WAITING_MAX + 3):
        view.change(change(sequence))
    assert not view.replace(whole(1))
    assert view.replace(whole(WAITING_MAX + 2))


@given(st.lists(st.lists(st.tuples(st.integers(1, 20), st.integers(0, 3)), max_size=6), max_size=20), st.integers(1, 9))
def test_levels_agree_with_a_plain_dictionary(batches: list[list[Level]], depth: int) -> None:
    levels, plain = Levels(), dict[int, int]()
    for batch in batches:
        levels.apply(batch)
        plain = {price: total for price, total in (plain | dict(batch)).items() if total}
        expected = sorted(plain.items())
        assert levels.lowest(depth) == expected[:depth]
        assert levels.highest(depth) == expected[::-1][:depth]
        assert levels.lowest_price == min(plain, default=0)


# All views, and a matcher that answers


class Matcher:
    """Stands where the port is: answers with the next of its answers, each of which may be an error."""

    def __init__(self, *answers: Any) -> None:
        self.on_feed: Callable[[list[Any]], None] = lambda messages: None
        self.asked: list[tuple[str, Any]] = []
        self._answers = list(answers)
        self._more = asyncio.Event()

    def answer(self, answer: Any) -> None:
        self._answers.append(answer)
        self._more.set()

    async def ask(self, peer: str, question: Any, timeout_s: float) -> Any:
        self.asked.append((peer, question))
        while not self._answers:
            self._more.clear()
            await self._more.wait()
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 20))


def test_a_market_is_asked_for_when_it_is_opened_and_followed_from_then_on() -> None:
    async def test() -> None:
        matcher = Matcher(whole(3, asks=((101, 2),)))
        books = Books(matcher, {M: "matcher-1"})
        assert (await books.view(M, 5)).asks.lowest_price == 101
        matcher.on_feed([change(4, asks=((99, 1),))])
        assert (await books.view(M, 5)).asks.lowest_price == 99
        assert matcher.asked == [("matcher-1", BookQuery(M))]

    run(test())


def test_a_matcher_that_is_away_or_does_not_know_the_market_yet_is_asked_again() -> None:
    async def test() -> None:
        matcher = Matcher(PeerAway("away"), Unknown(), whole(1, asks=((101, 2),)))
        assert (await Books(matcher, {M: "matcher-0"}).view(M, 5)).sequence == 1

    run(test())


def test_a_gap_in_the_feed_is_closed_by_asking_once() -> None:
    async def test() -> None:
        matcher = Matcher(whole(1))
        books = Books(matcher, {M: "matcher-0"})
        await books.view(M, 5)
        matcher.on_feed([change(3), change(4)])
        matcher.on_feed([change(5, bids=((100, 5),))])
        matcher.answer(whole(4))
        assert (await books.view(M, 5)).bids.highest(1) == [(100, 5)]
        assert len(matcher.asked) == 2

    run(test())


def test_a_view_that_stays_out_of_step_is_waited_for_so_long_and_no_longer() -> None:
    async def test() -> None:
        matcher = Matcher()
        books = Books(matcher, {M: "matcher-0"})
        with pytest.raises(TimeoutError):
            await books.view(M, 0.01)
        matcher.answer(whole(1))
        assert (await books.view(M, 5)).in_step

    run(test())


def test_a_change_of_very_many_levels_is_the_same_as_many_changes_of_few() -> None:
    levels = [(price, price % 7) for price in range(1, 3 * REBUILD_LEVELS)]
    at_once, one_by_one = Levels([(5, 1), (10_000, 2)]), Levels([(5, 1), (10_000, 2)])
    at_once.apply(levels)
    for level in levels:
        one_by_one.apply([level])
    assert at_once.lowest(10_000) == one_by_one.lowest(10_000)
    assert at_once.highest(3) == one_by_one.highest(3)
