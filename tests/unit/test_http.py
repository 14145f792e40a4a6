import pytest

from gateway.http import preferred_wait_s


@pytest.mark.parametrize(
    ("prefer", "wait_s"),
    [
        ("wait=2", 2),
        ("WAIT = 2", 2),
        ('wait="2"', 2),
        ("respond-async, wait=10", 10),
        ("wait=3, respond-async", 3),
        ("wait=3; because=impatient", 3),
        ("wait=30", 30),
        ("wait=31", 30),
        ("wait=999999999", 30),
        ("wait=0", 0),
        ("", 0),
        ("await=5", 0),
        ("wait", 0),
        ("wait=", 0),
        ("wait=-1", 0),
        ("wait=2.5", 0),
        ("wait=1e3", 0),
        ("wait=two", 0),
    ],
)
def test_a_wish_to_wait_is_read_as_the_rfc_writes_it_and_ignored_when_it_is_none(prefer: str, wait_s: int) -> None:
    assert preferred_wait_s(prefer) == wait_s
