"""The fast book and the naive one pass one and the same suite; the book's inner state is validated after each test."""

from collections.abc import Callable, Iterator

import msgspec
import pytest

from actors.book import BookState, OrderBook
from actors.messages import AMOUNT_MAX, Side
from tests.reference.book import NaiveBook

BUY, SELL = Side.BUY, Side.SELL
Book = OrderBook | NaiveBook


@pytest.fixture(params=[OrderBook, NaiveBook])
def book(request: pytest.FixtureRequest) -> Iterator[Book]:
    made: Book = request.param()
    yield made
    made.validate()


def rest(book: Book, *orders: tuple[int, str, Side, int, int]) -> None:
    """Put orders on the book that match nothing, and forget that it changed."""
    for order in orders:
        assert list(book.limit(*order)) == []
    book.drain_changes()


def test_an_empty_book_has_no_prices_and_nothing_to_take(book: Book) -> None:
    for side in Side:
        assert book.best(side) is None
        assert book.levels(side) == []
        assert not book.crosses(side, 100)
        assert list(book.take(side, 0, 5)) == []
    assert list(book.take_budget(1_000, 1)) == []
    assert book.snapshot() == ((), ())


def test_an_order_that_matches_nothing_rests_at_its_price(book: Book) -> None:
    assert list(book.limit(1, "ann", BUY, 99, 5)) == []
    assert list(book.limit(2, "bob", SELL, 101, 7)) == []
    assert book.snapshot() == (((1, "ann", 99, 5),), ((2, "bob", 101, 7),))


def test_levels_are_totals_by_price_best_first(book: Book) -> None:
    rest(book, (1, "ann", BUY, 98, 1), (2, "bob", BUY, 99, 2), (3, "ann", BUY, 98, 3), (4, "bob", BUY, 97, 4))
    rest(book, (5, "ann", SELL, 103, 5), (6, "bob", SELL, 101, 6), (7, "ann", SELL, 102, 7))
    assert book.levels(BUY) == [(99, 2), (98, 4), (97, 4)]
    assert book.levels(SELL) == [(101, 6), (102, 7), (103, 5)]
    assert book.levels(SELL, 2) == [(101, 6), (102, 7)]
    assert (book.best(BUY), book.best(SELL)) == (99, 101)


@pytest.mark.parametrize(
    ("taker", "makers", "order"), [(BUY, (102, 100, 101), [2, 3, 1]), (SELL, (98, 100, 99), [2, 3, 1])]
)
def test_the_better_price_matches_first_whoever_came_first(
    book: Book, taker: Side, makers: tuple[int, ...], order: list[int]
) -> None:
    for order_id, price in enumerate(makers, 1):
        rest(book, (order_id, "ann", Side(1 - taker), price, 1))
    assert [fill[0] for fill in book.take(taker, 0, 3)] == order


@pytest.mark.parametrize(("taker", "maker"), [(BUY, SELL), (SELL, BUY)])
def test_at_one_price_the_older_order_matches_first(book: Book, taker: Side, maker: Side) -> None:
    rest(book, (7, "ann", maker, 100, 2), (3, "bob", maker, 100, 2), (5, "cat", maker, 100, 2))
    fills = book.limit(9, "dan", taker, 100, 5)
    assert list(fills) == [(7, "ann", 100, 2, 0), (3, "bob", 100, 2, 0), (5, "cat", 100, 1, 1)]


@pytest.mark.parametrize(("taker", "maker", "limit"), [(BUY, SELL, 105), (SELL, BUY, 95)])
def test_a_trade_is_at_the_makers_price(book: Book, taker: Side, maker: Side, limit: int) -> None:
    rest(book, (1, "ann", maker, 100, 2))
    assert list(book.limit(2, "bob", taker, limit, 2)) == [(1, "ann", 100, 2, 0)]


@pytest.mark.parametrize(("taker", "makers"), [(BUY, (100, 101, 102)), (SELL, (102, 101, 100))])
def test_a_limit_order_takes_up_to_its_price_and_rests_with_what_is_left(
    book: Book, taker: Side, makers: tuple[int, ...]
) -> None:
    rest(book, *((n, "ann", Side(1 - taker), price, 1) for n, price in enumerate(makers, 1)))
    assert [fill[2] for fill in book.limit(9, "bob", taker, 101, 5)] == list(makers[:2])
    assert book.snapshot()[taker] == ((9, "bob", 101, 3),)
    assert book.levels(Side(1 - taker)) == [(makers[2], 1)]


def test_a_partly_matched_maker_keeps_its_place(book: Book) -> None:
    rest(book, (1, "ann", SELL, 100, 5), (2, "bob", SELL, 100, 5))
    assert list(book.take(BUY, 100, 3)) == [(1, "ann", 100, 3, 2)]
    rest(book, (3, "cat", SELL, 100, 5))
    assert list(book.take(BUY, 100, 6)) == [(1, "ann", 100, 2, 0), (2, "bob", 100, 4, 1)]


def test_an_account_may_trade_with_itself_and_keep_the_rest(book: Book) -> None:
    rest(book, (1, "ann", SELL, 100, 2))
    assert list(book.limit(2, "ann", BUY, 100, 5)) == [(1, "ann", 100, 2, 0)]
    assert book.cancel("ann", 2) == 3
    assert book.snapshot() == ((), ())


def test_what_is_taken_never_rests(book: Book) -> None:
    rest(book, (1, "ann", SELL, 100, 2), (2, "ann", SELL, 102, 2))
    assert list(book.take(BUY, 101, 5)) == [(1, "ann", 100, 2, 0)]
    assert book.snapshot() == ((), ((2, "ann", 102, 2),))


@pytest.mark.parametrize("taker", Side)
def test_a_taker_without_price_takes_every_level(book: Book, taker: Side) -> None:
    rest(book, (1, "ann", Side(1 - taker), 1, 2), (2, "ann", Side(1 - taker), AMOUNT_MAX, 2))
    assert sum(fill[3] for fill in book.take(taker, 0, 9)) == 4
    assert book.snapshot() == ((), ())


def test_a_budget_buys_whole_lots_at_each_price_in_turn(book: Book) -> None:
    rest(book, (1, "ann", SELL, 10, 3), (2, "bob", SELL, 10, 2), (3, "cat", SELL, 20, 9))
    # Five lots at 10 cost 50 × 4, of the 109 that are left one lot at 20 costs 80.
    assert list(book.take_budget(309, 4)) == [(1, "ann", 10, 3, 0), (2, "bob", 10, 2, 0), (3, "cat", 20, 1, 8)]


def test_a_budget_that_buys_no_lot_at_the_best_ask_changes_nothing(book: Book) -> None:
    rest(book, (1, "ann", SELL, 10, 3))
    assert list(book.take_budget(39, 4)) == []
    assert book.drain_changes() == ((), ())


def test_a_budget_can_empty_the_asks(book: Book) -> None:
    rest(book, (1, "ann", SELL, 10, 3))
    assert list(book.take_budget(1_000, 4)) == [(1, "ann", 10, 3, 0)]
    assert book.best(SELL) is None


@pytest.mark.parametrize(("price", "expected"), [(99, False), (100, True), (101, True)])
def test_a_buy_crosses_from_the_best_ask_on(book: Book, price: int, expected: bool) -> None:
    rest(book, (1, "ann", SELL, 100, 1), (2, "ann", SELL, 105, 1))
    assert book.crosses(BUY, price) is expected


@pytest.mark.parametrize(("price", "expected"), [(99, True), (100, True), (101, False)])
def test_a_sell_crosses_from_the_best_bid_down(book: Book, price: int, expected: bool) -> None:
    rest(book, (1, "ann", BUY, 100, 1), (2, "ann", BUY, 95, 1))
    assert book.crosses(SELL, price) is expected


@pytest.mark.parametrize("taker", Side)
def test_available_counts_every_acceptable_level_and_takes_nothing(book: Book, taker: Side) -> None:
    outward = 1 if taker is BUY else -1
    for n in range(3):
        rest(book, (n + 1, "ann", Side(1 - taker), 100 + n * outward, 5))
    before = book.snapshot()
    assert book.available(taker, 100 + outward, 10)
    assert not book.available(taker, 100 + outward, 11)
    assert book.available(taker, 0, 15)
    assert not book.available(taker, 0, 16)
    assert not book.available(taker, 100 - outward, 1)
    assert book.snapshot() == before
    assert book.drain_changes() == ((), ())


def test_a_cancel_returns_what_remained_and_keeps_everybody_elses_place(book: Book) -> None:
    rest(book, *((n, "ann", BUY, 100, n) for n in range(1, 6)))
    assert book.cancel("ann", 3) == 3
    assert book.cancel("ann", 1) == 1
    assert book.levels(BUY) == [(100, 11)]
    assert [fill[0] for fill in book.take(SELL, 100, 11)] == [2, 4, 5]


def test_a_cancelled_order_is_passed_over_when_its_turn_comes(book: Book) -> None:
    rest(book, *((n, "ann", BUY, 100, 5) for n in range(1, 5)))
    book.cancel("ann", 1)
    book.cancel("ann", 3)
    assert [fill[0] for fill in book.take(SELL, 100, 7)] == [2, 4]
    book.validate()


def test_a_cancel_after_a_partial_match_returns_the_rest(book: Book) -> None:
    rest(book, (1, "ann", BUY, 100, 5))
    book.take(SELL, 100, 2)
    assert book.cancel("ann", 1) == 3
    assert book.levels(BUY) == []


def test_an_order_that_is_not_open_cannot_be_cancelled(book: Book) -> None:
    rest(book, (1, "ann", BUY, 100, 1), (2, "ann", BUY, 100, 1), (3, "ann", BUY, 100, 1))
    book.take(SELL, 100, 1)
    assert book.cancel("ann", 2) == 1
    for order_id in (1, 2, 4):
        assert book.cancel("ann", order_id) == 0
    assert book.levels(BUY) == [(100, 1)]


def test_a_strangers_order_cannot_be_cancelled(book: Book) -> None:
    rest(book, (1, "ann", BUY, 100, 1), (2, "bob", BUY, 100, 1))
    assert book.cancel("bob", 1) == 0
    assert book.cancel("cat", 1) == 0
    assert book.levels(BUY) == [(100, 2)]


def test_cancel_all_takes_an_accounts_orders_oldest_id_first_and_nobody_elses(book: Book) -> None:
    rest(book, (9, "ann", BUY, 90, 1), (4, "bob", BUY, 95, 2), (5, "ann", SELL, 105, 3), (7, "ann", BUY, 95, 4))
    book.take(SELL, 95, 3)
    assert book.cancel_all("ann") == [(5, 3), (7, 3), (9, 1)]
    assert book.cancel_all("ann") == []
    assert book.snapshot() == ((), ())


def test_changes_are_new_totals_best_first_and_told_once(book: Book) -> None:
    rest(book, (1, "ann", BUY, 99, 5), (2, "ann", BUY, 98, 5), (3, "ann", SELL, 101, 5), (4, "ann", SELL, 102, 5))
    book.limit(5, "bob", BUY, 101, 6)
    book.limit(6, "bob", SELL, 103, 1)
    book.limit(7, "bob", SELL, 102, 2)
    book.cancel("ann", 2)
    assert book.drain_changes() == (((101, 1), (98, 0)), ((101, 0), (102, 7), (103, 1)))
    assert book.drain_changes() == ((), ())


def test_a_level_that_comes_and_goes_between_two_drains_is_told_as_gone(book: Book) -> None:
    book.limit(1, "ann", BUY, 99, 5)
    book.cancel("ann", 1)
    assert book.drain_changes() == (((99, 0),), ())


def test_the_snapshot_does_not_show_how_the_book_came_about(book: Book) -> None:
    rest(book, *((n, "ann", BUY, 100 - n % 3, n) for n in range(1, 90)))
    book.take(SELL, 0, 200)
    for n in range(1, 90, 4):
        book.cancel("ann", n)
    direct = type(book)()
    for order_id, account, price, remaining in book.snapshot()[BUY]:
        direct.limit(order_id, account, BUY, price, remaining)
    assert direct.snapshot() == book.snapshot()


def restored(book: Book) -> Book:
    """Send the book's state through bytes, as a snapshot on disk does."""
    return type(book).restore(msgspec.json.decode(msgspec.json.encode(book.snapshot()), type=BookState))


def test_a_restored_book_goes_on_as_if_nothing_had_happened(book: Book) -> None:
    rest(book, (2, "ann", SELL, 100, 5), (1, "bob", SELL, 100, 5), (3, "bob", SELL, 99, 5), (4, "ann", BUY, 90, 5))
    book.take(BUY, 0, 6)
    book.drain_changes()
    copy = restored(book)
    copy.validate()
    assert copy.snapshot() == book.snapshot()
    assert copy.drain_changes() == ((), ())
    actions: list[Callable[[Book], object]] = [
        lambda b: b.cancel("ann", 4),
        lambda b: list(b.limit(5, "cat", BUY, 100, 7)),
        lambda b: b.cancel_all("bob"),
        lambda b: b.snapshot(),
        lambda b: b.drain_changes(),
    ]
    for action in actions:
        assert action(copy) == action(book)


def test_numbers_of_63_bits_are_exact(book: Book) -> None:
    rest(book, (1, "ann", SELL, AMOUNT_MAX, AMOUNT_MAX), (2, "bob", SELL, AMOUNT_MAX - 1, 1))
    assert list(book.limit(3, "cat", BUY, AMOUNT_MAX, AMOUNT_MAX)) == [
        (2, "bob", AMOUNT_MAX - 1, 1, 0),
        (1, "ann", AMOUNT_MAX, AMOUNT_MAX - 1, 1),
    ]


def test_those_that_stay_keep_their_order_however_many_go(book: Book) -> None:
    rest(book, *((n, "ann", BUY, 100, 1) for n in range(1, 201)))
    book.take(SELL, 100, 50)
    for n in range(1, 201):
        if n % 10:
            book.cancel("ann", n)
    rest(book, (201, "ann", BUY, 100, 1), (202, "bob", BUY, 101, 1))
    assert [order[0] for order in book.snapshot()[BUY]] == [202, *range(60, 201, 10), 201]
    assert [fill[0] for fill in book.take(SELL, 100, 99)] == [202, *range(60, 201, 10), 201]


def test_dead_orders_never_outnumber_the_living_for_long() -> None:
    book = OrderBook()
    rest(book, (1, "ann", BUY, 100, 1))
    for n in range(2, 2_000):
        rest(book, (n, "bob", BUY, 100, 1))
        assert book.cancel("bob", n) == 1
    assert len(book._bids.levels[100].orders) < 50
    for n in range(2_000, 4_000):
        rest(book, (n, "bob", BUY, 100, 1))
        book.take(SELL, 100, 1)
    assert len(book._bids.levels[100].orders) < 50
    book.validate()
