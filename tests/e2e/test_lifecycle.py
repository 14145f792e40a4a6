"""From start to stop: a venue opens, is private, and ends when it is told to, with everything decided."""

import asyncio
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.traffic import CONNECTION_ERRORS, Trader, traders_at
from tests.e2e.venue import Client, Document, Venue, eventually, program_environment

pytestmark = pytest.mark.slow

SELL: Document = {"market": "BTC-USDT", "side": "sell", "type": "limit", "price": "100", "quantity": "0.1"}
BUY: Document = {**SELL, "side": "buy"}
FORCED_S = 2.0
"""A second signal ends a venue well before its first one would have given up."""


def is_matched(client: Client, order: Document) -> bool:
    return bool(client.get(f"/v1/orders/{order['order_id']}")["status"] == "MATCHED")


def assert_nothing_is_left(venue: Venue) -> None:
    """See that every process of the session ends; the resource tracker needs a moment to notice."""
    eventually(lambda: not venue.processes(), 5, f"no process stays behind: {venue.processes()}")


@pytest.mark.smoke
def test_two_orders_become_a_trade_and_the_venue_stops_clean(tmp_path: Path) -> None:
    with Venue(tmp_path) as venue:
        seller = venue.open_account("seller", BTC="1")
        buyer = venue.open_account("buyer", USDT="1000")
        ask = seller.place(**SELL)
        bid = buyer.place(**BUY)
        for client, order in ((seller, ask), (buyer, bid)):
            eventually(partial(is_matched, client, order), 5, "both orders are MATCHED")
        venue.audit()
        assert venue.stop() == 0
        assert_nothing_is_left(venue)
        assert venue.log.splitlines()[-1].endswith("stopped")
        assert not re.search("WARNING|ERROR|CRITICAL|Traceback|Exception", venue.log)


# The end


async def place_until_the_door_closes(trader: Trader, order: Document, accepted: list[Document]) -> None:
    """Place orders one after the other, each until it is decided, and keep what was answered 202."""
    while True:
        try:
            answer = await trader.place(order, wait_s=20)
        except CONNECTION_ERRORS:
            return
        if answer.status == 503:
            assert answer.document["code"] == "closing", answer
            return
        assert answer.status == 202, answer
        accepted.append(answer.document)


@pytest.mark.parametrize("whole_group", [False, True], ids=["to_the_parent", "to_the_process_group"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_signal_under_load_stops_everything_in_time_with_all_accepted_orders_decided(
    tmp_path: Path, number: signal.Signals, whole_group: bool
) -> None:
    async def load_and_stop(venue: Venue) -> list[Document]:
        accounts = {
            "seller": venue.open_account("seller", BTC="1000"),
            "buyer": venue.open_account("buyer", USDT="1000000"),
        }
        accepted: list[Document] = []
        async with traders_at(venue.url, accounts) as traders:
            tasks = [
                asyncio.create_task(place_until_the_door_closes(traders[name], order, accepted))
                for name, order in (("seller", SELL), ("buyer", BUY))
                for _ in range(16)
            ]
            await asyncio.to_thread(eventually, lambda: len(accepted) >= 200, 30, "200 orders are accepted")
            if whole_group:
                os.killpg(venue.process.pid, number)
            else:
                venue.process.send_signal(number)
            code = await asyncio.to_thread(venue.wait)
            assert code == 0
            await asyncio.gather(*tasks)
        return accepted

    with Venue(tmp_path, "--wallets", "2") as venue:
        accepted = asyncio.run(load_and_stop(venue))
        assert_nothing_is_left(venue)
        assert [order for order in accepted if order["status"] == "PENDING"] == []
        assert not re.search("WARNING|ERROR|CRITICAL|Traceback|Exception", venue.log)


@pytest.fixture
def stuck(tmp_path: Path) -> Iterator[Venue]:
    """A venue whose wallet is frozen with an accepted order that it has not decided."""
    with Venue(tmp_path) as venue:
        client = venue.open_account("seller", BTC="1")
        os.kill(venue.pid_of("wallet-0"), signal.SIGSTOP)
        assert client.place(wait_s=0, **SELL)["status"] == "PENDING"
        yield venue


def test_a_second_signal_stops_at_once(stuck: Venue) -> None:
    stuck.process.send_signal(signal.SIGINT)
    eventually(lambda: "stopping" in stuck.log, 5, "the first signal is taken")
    stuck.process.send_signal(signal.SIGINT)
    assert stuck.wait(FORCED_S) == 130
    assert_nothing_is_left(stuck)


def test_a_stop_that_cannot_decide_everything_says_so_and_fails(stuck: Venue) -> None:
    stuck.process.send_signal(signal.SIGTERM)
    assert stuck.wait(10) == 1
    assert "gateway-0 had not finished what was under way" in stuck.log
    assert_nothing_is_left(stuck)


def test_no_process_outlives_a_parent_that_is_killed(tmp_path: Path) -> None:
    with Venue(tmp_path, "--wallets", "2", "--matchers", "2") as venue:
        nodes = {"wallet-0", "wallet-1", "matcher-0", "matcher-1", "gateway-0"}
        assert nodes < set(venue.processes().values())
        venue.process.kill()
        venue.wait()
        assert_nothing_is_left(venue)
        with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
            probe.connect((venue.host, venue.port))


def test_ctrl_c_while_the_nodes_start_ends_them_without_a_traceback(tmp_path: Path) -> None:
    venue = Venue(tmp_path)
    try:
        venue.launch()
        # The program itself, the resource tracker, and the first node, which cannot ignore signals yet.
        eventually(lambda: len(venue.processes()) > 2, 30, "the first node is starting")
        os.killpg(venue.process.pid, signal.SIGINT)
        assert venue.wait(10) in (0, 1)
        assert_nothing_is_left(venue)
        assert "Traceback" not in venue.log
        assert "stopping" in venue.log
    finally:
        venue.kill()


# What refuses to start


def run_serve(directory: Path, *flags: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `tradepost serve`, which is to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "gateway", "serve", *flags],
        cwd=directory,
        env=program_environment(**environment),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def assert_refuses(refused: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """See that the program says in one line why it does not start."""
    assert refused.returncode == code, refused
    (line,) = refused.stderr.splitlines()
    assert line.startswith("tradepost"), line
    for word in words:
        assert word in line
    assert "listens" not in refused.stdout


def test_a_taken_port_is_refused_with_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert_refuses(run_serve(tmp_path, "--port", port), 1, port, "--port")


@pytest.mark.parametrize(
    ("flags", "environment", "file", "words"),
    [
        (["--wallets", "0"], {}, "", ["wallets"]),
        (["--no-such-flag"], {}, "", ["--no-such-flag"]),
        (["--config", "nowhere.toml"], {}, "", ["nowhere.toml"]),
        ([], {"TRADEPOST_PORT": "70000"}, "", ["port"]),
        ([], {"TRADEPOST_OPERATOR_KEY": "two words"}, "", ["TRADEPOST_OPERATOR_KEY"]),
        ([], {"TRADEPOST_LOG_LEVEL": "loud"}, "", ["TRADEPOST_LOG_LEVEL", "loud"]),
        ([], {}, "[gateway]\nprot = 1\n", ["tradepost.toml", "prot"]),
    ],
    ids=["number", "flag", "no_file", "environment", "key", "log_level", "unknown"],
)
def test_a_bad_configuration_is_refused_with_one_line(
    tmp_path: Path, flags: list[str], environment: dict[str, str], file: str, words: list[str]
) -> None:
    if file:
        (tmp_path / "tradepost.toml").write_text(file, "utf-8")
    assert_refuses(run_serve(tmp_path, *flags, **environment), 2, *words)


# What it is while it runs: private, and wherever one likes


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    """A venue whose data directory has a path that no Unix socket's address could hold."""
    directory = tmp_path_factory.mktemp("deep")
    data_dir = directory.joinpath(*(f"{letter * 60}" for letter in "abcd"))
    with Venue(directory, "--wallets", "2", "--matchers", "2", data_dir=data_dir) as venue:
        yield venue


def test_a_very_long_path_of_the_data_directory_works(deep: Venue) -> None:
    client: Client = deep.open_account("seller", BTC="1")
    assert client.place(**SELL)["status"] == "CREATED"


def test_nobody_else_may_enter_the_data_directory_or_its_sockets(deep: Venue) -> None:
    modes = {path: path.stat().st_mode for path in (deep.data_dir, *deep.data_dir.rglob("*"))}
    assert any(stat.S_ISSOCK(mode) for mode in modes.values())
    assert {path: oct(mode) for path, mode in modes.items() if mode & 0o077} == {}


def listening_ports(pids: list[int]) -> set[int]:
    """Return the ports of all TCP sockets that listen and all UDP sockets of these processes."""
    inodes = set()
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            inodes.add(str(descriptor.readlink()))
    ports = set()
    for table, states in (("tcp", {"0A"}), ("tcp6", {"0A"}), ("udp", {"07", "01"}), ("udp6", {"07", "01"})):
        for line in Path(f"/proc/net/{table}").read_text("ascii").splitlines()[1:]:
            fields = line.split()
            if f"socket:[{fields[9]}]" in inodes and fields[3] in states:
                ports.add(int(fields[1].rpartition(":")[2], 16))
    return ports


def test_it_listens_on_one_port_only(deep: Venue) -> None:
    assert listening_ports(list(deep.processes())) == {deep.port}


def test_a_second_venue_on_the_same_directory_is_refused_with_one_line_and_changes_nothing(deep: Venue) -> None:
    keys = deep.operator.get("/v1/admin/keys")
    flags = ("--data-dir", str(deep.data_dir), "--port", "0")
    refused = run_serve(deep.data_dir.parent, *flags, TRADEPOST_OPERATOR_KEY="another")
    assert_refuses(refused, 1, str(deep.data_dir), "--data-dir")
    assert deep.operator.get("/v1/admin/keys") == keys
    deep.audit()
