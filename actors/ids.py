"""Order ids: 53 bits, strictly increasing for each gateway, shown as a reversible UUID.

41 bits of milliseconds since 2025-01-01, 4 bits of gateway, 8 bits of counter. A counter that
overflows borrows from the next millisecond, so ids never repeat or go back, also when the clock does.
"""

from uuid import UUID

EPOCH_MS = 1_735_689_600_000
"""2025-01-01T00:00:00Z in milliseconds since 1970."""
GATEWAYS_MAX = 16
_COUNTERS = 256
_TAIL = 0x8000_0000_0000_0000
"""The lower half of every order's UUID: the variant of RFC 9562, and nothing else."""
_VERSION = 8


def next_order_id(last: int, now_us: int, gateway: int) -> int:
    """Return the smallest id of this gateway that is after `last` and not before `now_us` (microseconds)."""
    milliseconds = now_us // 1000 - EPOCH_MS
    first = (milliseconds << 12 if milliseconds > 0 else 0) | gateway << 8
    if first > last:
        return first
    following = last + 1
    if following % _COUNTERS == 0:
        return ((last >> 12) + 1 << 12) | (gateway << 8)
    return following


def gateway_of(order_id: int) -> int:
    """Number of the gateway whose tracker gave this id."""
    return order_id >> 8 & 0xF


def order_uuid(order_id: int) -> UUID:
    """Show an order id as a UUID of version 8; it sorts by time."""
    head = (order_id >> 12) + EPOCH_MS
    return UUID(int=head << 80 | _VERSION << 76 | (order_id & 0xFFF) << 64 | _TAIL)


def order_id_text(order_id: int) -> str:
    """Return `str(order_uuid(order_id))` at half the cost: every answer about an order begins with it."""
    head = (order_id >> 12) + EPOCH_MS
    return f"{head >> 16:08x}-{head & 0xFFFF:04x}-8{order_id & 0xFFF:03x}-8000-000000000000"


def parse_order_uuid(text: str) -> int | None:
    """Return the order id that this UUID shows, or None when it is not exactly how one is shown."""
    try:
        number = UUID(text).int
    except ValueError:
        return None
    order_id = ((number >> 80) - EPOCH_MS) << 12 | (number >> 64 & 0xFFF)
    if not 0 < order_id < 2**53 or str(order_uuid(order_id)) != text.lower():
        return None
    return order_id
