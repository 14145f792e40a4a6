"""What the door lets in, by what is in flight and by how the venue is doing."""

from typing import Any

import msgspec
import pytest

from actors.answers import Accepted, Refusal
from actors.door import RETRY_AFTER_S, Door, DoorLimits
from actors.messages import (
    CancelAllDoneEvent,
    CancelRejectedEvent,
    DepositedEvent,
    DepositEvent,
    OrderCancelAllEvent,
    Reason,
    WithdrawEvent,
)
from actors.topology import Topology
from tests.tracking import BTC_USDT, NOW, STRANGER, Venue, cancel, cancellation, limit, placement, rejection

SHARDED = Topology(wallets=2, matchers=2)
FIRST, SECOND = (
    next(name for name in ("anna", "bert", "cora", "dora") if SHARDED.wallet_of(name) == shard) for shard in (0, 1)
)
"""Accounts of wallet 0 and of wallet 1."""
CLOSED = Refusal("closing", "the venue is stopping")


class Entrance:
    """A door and the tracker behind it."""

    def __init__(self, topology: Topology | None = None, **limits: int) -> None:
        self.venue = Venue(topology)
        self.door = Door(DoorLimits(**limits), self.venue.tracker)

    def batch(self, *messages: Any) -> list[str]:
        """Take messages as one batch: admit all, then handle what was admitted; return a code or "" for each."""
        refusals = [self.door.admit(message) for message in messages]
        for message, refusal in zip(messages, refusals, strict=True):
            if refusal is None:
                self.venue.tell(message)
        self.venue.tracker.finish_batch(NOW)
        return [refusal.code if refusal is not None else "" for refusal in refusals]

    def one_by_one(self, *messages: Any) -> list[str]:
        """Take messages as one batch, but handle each as soon as it is admitted."""
        codes = []
        for message in messages:
            refusal = self.door.admit(message)
            codes.append(refusal.code if refusal is not None else "")
            if refusal is None:
                self.venue.tell(message)
        self.venue.tracker.finish_batch(NOW)
        return codes

    def hear(self, *events: Any) -> None:
        """Let the tracker hear events as a batch."""
        for event in events:
            self.venue.tell(event)
        self.venue.tracker.finish_batch(NOW)

    def rest(self, **changes: Any) -> int:
        """Bring an order onto the book, and return its id."""
        order_id = self.venue.rest(limit(**changes))
        self.venue.tracker.finish_batch(NOW)
        return order_id


def ids(entrance: Entrance, account: str = "anna") -> list[int]:
    return [record.order.order_id for record in entrance.venue.tracker.orders_of(account).orders]


def deposit(number: int, account: str = "anna") -> DepositEvent:
    return DepositEvent(f"t-{number}", account, "BTC", 1, 0)


FULL = "too_many_in_flight"


# In flight


def test_orders_are_let_in_as_long_as_there_is_room_also_within_one_batch() -> None:
    entrance = Entrance(in_flight_max=3)
    assert entrance.batch(*[limit()] * 5) == ["", "", "", FULL, FULL]
    assert entrance.batch(limit()) == [FULL]
    assert len(ids(entrance)) == 3


def test_it_does_not_matter_whether_a_batch_is_handled_at_its_end_or_one_by_one() -> None:
    entrance = Entrance(in_flight_max=3, open_orders_max=2)
    orders = [limit(), limit(), limit(), limit(account="bert"), limit(account="bert")]
    expected = ["", "", "too_many_open_orders", "", FULL]
    assert Entrance(in_flight_max=3, open_orders_max=2).batch(*orders) == expected
    assert entrance.one_by_one(*orders) == expected


def test_an_order_makes_room_when_the_matcher_has_finished_with_it_or_the_wallet_has_refused_it() -> None:
    entrance = Entrance(in_flight_max=2)
    entrance.batch(limit(), limit())
    second, first = ids(entrance)
    entrance.venue.approve(first)
    assert entrance.batch(limit()) == [FULL]
    entrance.hear(placement(first, resting=10))
    assert entrance.batch(limit(), limit()) == ["", FULL]
    entrance.hear(rejection(second))
    assert entrance.batch(limit(), limit()) == ["", FULL]


def test_who_is_refused_for_want_of_room_is_told_when_to_try_again() -> None:
    entrance = Entrance(in_flight_max=1)
    entrance.batch(limit())
    refusal = entrance.door.admit(limit())
    assert refusal is not None
    assert refusal.retry_after_s == RETRY_AFTER_S > 0
    assert "wallet-0" in refusal.detail


def test_a_road_that_is_full_stops_no_other_through_the_same_wallet_or_to_the_same_matcher() -> None:
    entrance = Entrance(SHARDED, in_flight_max=1)
    full = limit(account=FIRST)
    assert entrance.batch(full) == [""]
    same_matcher, same_wallet = limit(account=SECOND), limit(account=FIRST, market="ETH-USDT")
    assert entrance.batch(full, same_matcher, same_wallet) == [FULL, "", ""]


def test_roads_fill_up_within_one_batch_each_by_itself() -> None:
    entrance = Entrance(SHARDED, in_flight_max=1)
    orders = [limit(account=account, market=m) for account in (FIRST, SECOND) for m in ("BTC-USDT", "ETH-USDT")]
    assert entrance.batch(*orders, *orders) == [""] * 4 + [FULL] * 4


def test_cancels_of_one_road_take_no_room_of_another() -> None:
    entrance = Entrance(SHARDED, in_flight_max=1)
    accounts = (FIRST, FIRST, SECOND)
    stuck, more, other = [(account, entrance.rest(account=account)) for account in accounts]
    cancels = [cancel(order_id, account) for account, order_id in (stuck, more, other)]
    assert entrance.batch(*cancels) == ["", FULL, ""]


# Open orders


def test_an_account_has_at_most_so_many_open_orders() -> None:
    entrance = Entrance(open_orders_max=2)
    too_many = "too_many_open_orders"
    resting = entrance.rest()
    assert entrance.batch(limit(), limit(), limit(account="bert")) == ["", too_many, ""]
    assert entrance.batch(limit()) == [too_many]
    entrance.hear(cancellation(resting, 10))
    assert entrance.batch(limit(), limit()) == ["", too_many]


def test_waiting_does_not_help_against_too_many_open_orders() -> None:
    entrance = Entrance(open_orders_max=1)
    entrance.rest()
    refusal = entrance.door.admit(limit())
    assert refusal is not None
    assert (refusal.code, refusal.retry_after_s) == ("too_many_open_orders", 0)


# Cancels and transfers


def test_cancels_have_room_of_their_own() -> None:
    entrance = Entrance(in_flight_max=2)
    resting = [entrance.rest() for _ in range(3)]
    assert entrance.batch(limit(), limit(), limit()) == ["", "", FULL]
    assert entrance.batch(*map(cancel, resting)) == ["", "", FULL]
    entrance.hear(cancellation(resting[0], 10))
    assert entrance.batch(cancel(resting[2])) == [""]


def test_cancels_of_all_share_the_room_of_cancels() -> None:
    entrance = Entrance(in_flight_max=1)
    resting = entrance.rest()
    everything = OrderCancelAllEvent("anna", "BTC-USDT", 0)
    assert entrance.batch(everything, cancel(resting)) == ["", FULL]
    assert entrance.batch(cancel(resting), OrderCancelAllEvent("bert", "BTC-USDT", 0)) == [FULL, FULL]
    entrance.hear(CancelAllDoneEvent("anna", "BTC-USDT", 0, NOW))
    assert entrance.batch(cancel(resting), everything) == ["", FULL]
    entrance.hear(CancelRejectedEvent(resting, Reason.INTERNAL_ERROR, NOW))
    assert entrance.batch(everything) == [""]


def test_transfers_have_room_of_their_own_by_wallet() -> None:
    entrance = Entrance(SHARDED, in_flight_max=1)
    entrance.batch(limit(account=FIRST))
    assert entrance.batch(deposit(1, FIRST), deposit(2, FIRST), deposit(3, SECOND)) == ["", FULL, ""]
    assert entrance.batch(WithdrawEvent("t-4", FIRST, "BTC", 1, 0)) == [FULL]
    entrance.hear(DepositedEvent("t-1", FIRST, "BTC", 1, 1, NOW))
    assert entrance.batch(deposit(5, FIRST)) == [""]


# Closed and away


def new_things(entrance: Entrance) -> list[Any]:
    """Return one of each kind that would change something."""
    resting = entrance.rest(account=FIRST)
    return [
        limit(account=FIRST),
        cancel(resting, FIRST),
        OrderCancelAllEvent(FIRST, "BTC-USDT", 0),
        deposit(1, FIRST),
        WithdrawEvent("w-1", FIRST, "BTC", 1, 0),
    ]


def test_a_closed_door_lets_nothing_new_in_and_says_what_it_was_told_to() -> None:
    entrance = Entrance()
    messages = new_things(entrance)
    entrance.door.closed = CLOSED
    assert [entrance.door.admit(message) for message in messages] == [CLOSED] * 5
    entrance.door.closed = None
    assert entrance.batch(*messages) == [""] * 5


def test_a_closed_door_comes_before_every_other_reason() -> None:
    entrance = Entrance(in_flight_max=1, open_orders_max=1)
    entrance.batch(limit(), deposit(1))
    entrance.door.closed = CLOSED
    entrance.door.away = {"wallet-0", "matcher-0"}
    assert entrance.batch(limit(), limit(account="bert"), deposit(2)) == ["closing"] * 3


def test_nothing_new_goes_to_a_wallet_that_is_away_and_to_the_others_it_does() -> None:
    entrance = Entrance(SHARDED)
    messages = new_things(entrance)
    entrance.door.away = {"wallet-0"}
    assert entrance.batch(*messages) == ["unavailable"] * 5
    assert entrance.batch(limit(account=SECOND), deposit(2, SECOND)) == ["", ""]
    refusal = entrance.door.admit(limit(account=FIRST))
    assert refusal is not None
    assert refusal.retry_after_s == RETRY_AFTER_S


def test_nothing_new_goes_to_a_matcher_that_is_away_but_transfers_do_not_need_it() -> None:
    entrance = Entrance(SHARDED)
    messages = new_things(entrance)
    entrance.door.away = {"matcher-0"}
    assert entrance.batch(*messages) == ["unavailable"] * 3 + [""] * 2
    assert entrance.batch(limit(account=FIRST, market="ETH-USDT")) == [""]


def test_who_is_away_before_the_first_batch_is_away() -> None:
    entrance = Entrance()
    entrance.door.away = {"matcher-0"}
    assert entrance.batch(limit()) == ["unavailable"]


# What changes nothing


def test_what_comes_again_is_let_in_through_a_closed_full_and_forsaken_door() -> None:
    entrance = Entrance(in_flight_max=1, open_orders_max=1)
    order = limit(client_order_id="c")
    everything = OrderCancelAllEvent("anna", "BTC-USDT", 0)
    entrance.batch(order, deposit(1), everything)
    order_id = ids(entrance)[0]
    entrance.hear(cancel(order_id))
    entrance.door.closed = CLOSED
    entrance.door.away = {"wallet-0", "matcher-0"}
    again = [order, deposit(1), everything, cancel(order_id)]
    for message in again:
        assert entrance.door.admit(message) is None
        answer = entrance.venue.tell(message)
        assert isinstance(answer, Accepted)
        assert answer.repeated


def test_what_the_tracker_refuses_by_itself_is_left_to_it() -> None:
    entrance = Entrance()
    finished = entrance.venue.finish()
    resting = entrance.rest()
    entrance.door.closed = CLOSED
    messages = {
        "unknown_order": cancel(STRANGER),
        "order_not_open": cancel(finished),
        "unknown_market": limit(market="XRP-USDT"),
    }
    for code, message in messages.items():
        assert entrance.door.admit(message) is None
        assert entrance.venue.refuse(message) == code
    assert entrance.door.admit(cancel(resting, "bert")) is None
    assert entrance.door.admit(OrderCancelAllEvent("anna", "XRP-USDT", 0)) is None


def test_an_order_without_client_order_id_never_counts_as_one_that_comes_again() -> None:
    entrance = Entrance()
    entrance.batch(limit())
    entrance.door.closed = CLOSED
    assert entrance.batch(limit()) == ["closing"]


def test_a_market_is_let_in_though_nothing_else_is() -> None:
    entrance = Entrance()
    entrance.door.closed = CLOSED
    assert entrance.door.admit(msgspec.structs.replace(BTC_USDT, market="LTC-USDT")) is None


@pytest.mark.parametrize("limits", [{"in_flight_max": 0}, {"open_orders_max": -1}])
def test_limits_that_let_nothing_in_are_refused(limits: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        DoorLimits(**limits)
