"""Requests per second of `POST /v1/orders`, beside a bare aiohttp handler, in one run.

The bare handler parses the same body with orjson and answers 202; it has no keys, no checks, no actors.
Both servers have the first processor for themselves; `wrk` and, for the venue, its wallet, matcher and
supervisor share the second. They are measured in turn, so that a machine whose speed drifts is fair to both.
Orders sell and buy the same quantity at the same price in turn, so that every one trades in full.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from bench.report import machine, ratios, spread, write_results

BARE = """
import asyncio, sys
import orjson
from aiohttp import web
try:
    import uvloop
    uvloop.install()
except ImportError:
    pass

async def create(request):
    orjson.loads(await request.read())
    return web.Response(
        status=202, body=b'{"order_id":"01990000-0000-8000-8000-000000000000","status":"PENDING"}',
        headers={"Content-Type": "application/json", "Location": "/v1/orders/01990000-0000-8000-8000-000000000000"},
    )

app = web.Application()
app.router.add_post("/v1/orders", create)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
"""
LUA = """
local bodies = {{}}
for i, side in ipairs({{"sell", "buy"}}) do
  bodies[i] = string.format(
    '{{"market":"BTC-USDT","side":"%s","type":"limit","price":"100.00","quantity":"0.01000","time_in_force":"GTC"}}',
    side)
end
local n = 0
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer {key}"
request = function()
  n = n % 2 + 1
  return wrk.format(nil, nil, nil, bodies[n])
end
"""
OPERATOR_KEY = "bench-operator"
DEADLINE_S = 60.0


class Sample(msgspec.Struct, frozen=True):
    """What one run of wrk showed."""

    requests_per_s: float
    p50_ms: float
    p99_ms: float
    refused: int
    """Answers other than 2xx."""


def pin(pid: int, processor: int) -> None:
    """Bind a process and its threads to one processor."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {processor})


def wrk(url: str, script: Path, seconds: int, connections: int, processor: int) -> Sample:
    """Load a server for so many seconds."""
    command = ["taskset", "-c", str(processor), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s"]
    output = subprocess.run([*command, str(script), url], check=True, capture_output=True, text=True).stdout
    found = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    return Sample(
        float(_find(r"Requests/sec:\s+([\d.]+)", output)),
        _milliseconds(_find(r"\n +50%\s+(\S+)", output)),
        _milliseconds(_find(r"\n +99%\s+(\S+)", output)),
        int(found.group(1)) if found else 0,
    )


def _find(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise SystemExit(f"wrk printed something else than expected:\n{text}")
    return found.group(1)


def _milliseconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()  # type: ignore[union-attr]
    return float(number) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]


def call(url: str, body: dict[str, Any] | None = None) -> Any:
    """Send a request with the operator's key; return the document."""
    request = urllib.request.Request(  # noqa: S310 - the venue that this program has started
        url,
        data=json.dumps(body).encode() if body is not None else None,
        headers={"Authorization": f"Bearer {OPERATOR_KEY}"},
    )
    with urllib.request.urlopen(request, timeout=DEADLINE_S) as response:  # noqa: S310 - the same
        return json.load(response)


@contextmanager
def bare_server(port: int, processor: int) -> Iterator[str]:
    """Run the bare handler."""
    process = subprocess.Popen([sys.executable, "-c", BARE, str(port)])
    try:
        os.sched_setaffinity(process.pid, {processor})
        url = f"http://127.0.0.1:{port}/v1/orders"
        deadline = time.monotonic() + DEADLINE_S
        while True:
            try:
                call(url, {})
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
        yield url
    finally:
        process.kill()
        process.wait()


@contextmanager
def venue(folder: str, processors: tuple[int, int], flags: list[str]) -> Iterator[tuple[str, str]]:
    """Run a venue with one funded account; return its address and the account's key."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", "serve", "--port", "0", "--data-dir", folder, *flags],
        env={**os.environ, "TRADEPOST_OPERATOR_KEY": OPERATOR_KEY},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        url = _find(r"(http://\S+)", process.stdout.readline())
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        *others, gateway = map(int, children)  # In the order in which they were started: the gateway comes last.
        pin(gateway, processors[0])
        for other in others:
            pin(other, processors[1])
        pin(process.pid, processors[1])
        for asset in ("USDT", "BTC"):
            transfer = {"asset": asset, "amount": "1000000000", "transfer_id": f"bench-{asset}"}
            call(f"{url}/v1/admin/accounts/bench/deposits", transfer)
        key: str = call(f"{url}/v1/admin/keys", {"account": "bench", "scopes": ["trade", "read"]})["key"]
        yield url, key
        audit = call(f"{url}/v1/admin/audit")
        if not (audit["holds"] and audit["at_rest"]):
            raise SystemExit(f"the audit after the run does not hold: {audit}")
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    """Measure both in turn and print what they did."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=5, help="length of each run (default 5)")
    parser.add_argument("--repeat", type=int, default=5, help="runs of each server (default 5)")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--port", type=int, default=18097, help="port of the bare server")
    parser.add_argument("--json", help="file for the figures")
    given = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed; `make services` installs it")
    print(machine())
    print(f"{given.repeat} runs of {given.seconds} s each, {given.connections} connections, in turn")
    first, second = sorted(os.sched_getaffinity(0))[:2]
    bare: list[Sample] = []
    ours: list[Sample] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        bare_server(given.port, first) as bare_url,
        venue(f"{folder}/venue", (first, second), []) as (url, key),
    ):
        script = Path(folder) / "orders.lua"
        script.write_text(LUA.format(key=key))
        for samples, address in ((bare, bare_url), (ours, f"{url}/v1/orders")) * (given.repeat + 1):
            samples.append(wrk(address, script, given.seconds, given.connections, second))
    for name, samples in (("bare aiohttp handler", bare), ("POST /v1/orders", ours)):
        measured = samples[1:]
        print(f"{name:22s} {spread([s.requests_per_s for s in measured])} requests/s", end="")
        print(f"   p50 {spread([s.p50_ms for s in measured], '.1f')} ms", end="")
        print(f"   p99 {spread([s.p99_ms for s in measured], '.1f')} ms", end="")
        print(f"   answers other than 2xx: {sum(s.refused for s in measured)}")
    share = ratios([s.requests_per_s for s in ours[1:]], [s.requests_per_s for s in bare[1:]])
    print(f"{'ratio':22s} {spread(share, '.2f')}")
    write_results(given.json, {"bare": bare, "ours": ours, "ratio": share, "machine": machine()})


if __name__ == "__main__":
    main()
