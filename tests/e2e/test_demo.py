"""The demo as somebody sees it who has just installed the program."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.e2e.venue import Document, program_environment

pytestmark = pytest.mark.slow

DEMO = [sys.executable, "-m", "gateway", "demo"]
STOP_S = 10.0


def send(line: str) -> tuple[int, Document]:
    """Do what a shell and curl do with a line."""
    words = shlex.split(line)
    assert words.pop(0) == "curl"
    method, headers, body, url = "", dict[str, str](), None, ""
    while words:
        match words.pop(0):
            case "-s":
                continue
            case "-X":
                method = words.pop(0)
            case "-H":
                name, _, value = words.pop(0).partition(": ")
                headers[name] = value
            case "-d":
                body = words.pop(0)
            case word:
                assert not url, f"{word!r} is one word too many"
                url = word
    target = urlsplit(url)
    assert target.hostname is not None
    connection = HTTPConnection(target.hostname, target.port, timeout=30)
    connection.request(method or ("POST" if body else "GET"), url.partition(target.netloc)[2], body, headers)
    response = connection.getresponse()
    answer = response.status, json.loads(response.read())
    connection.close()
    return answer


@pytest.mark.parametrize("shards", ["1", "2"])
def test_the_scripted_day_ends_with_an_audit_that_holds(tmp_path: Path, shards: str) -> None:
    command = [*DEMO, "--once", "--wallets", shards, "--matchers", shards]
    environment = program_environment(TMPDIR=str(tmp_path))
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "holds: yes   at rest: yes" in done.stdout
    for status in ("PENDING", "CREATED", "PARTIALLY_MATCHED", "MATCHED", "REJECTED", "CANCELLED"):
        assert re.search(rf"{status} +\+\d", done.stdout), status
    assert "insufficient_funds" in done.stdout
    assert list(tmp_path.iterdir()) == [], "the demo leaves nothing behind"


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The demo, going on."""
    with subprocess.Popen(
        [*DEMO, "--port", "0"],
        env=program_environment(TMPDIR=str(tmp_path)),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        yield process
        process.kill()


def test_every_line_that_the_demo_prints_works_and_ctrl_c_ends_it(demo: subprocess.Popen[str], tmp_path: Path) -> None:
    assert demo.stdout is not None
    lines: list[str] = []
    for line in demo.stdout:
        lines.append(line.rstrip("\n"))
        if "/v1/admin/audit" in line:
            break
    commands = [line for line in lines if line.startswith("curl")]
    assert len(commands) >= 8
    answers = [send(line) for line in commands]
    assert {status for status, _ in answers} <= {200, 201, 202}, answers
    audit = answers[-1][1]
    assert audit["holds"] is True
    assert {total["asset"] for total in audit["totals"]} == {"BTC", "ETH", "USDT"}
    os.killpg(demo.pid, signal.SIGINT)
    assert demo.wait(STOP_S) == 0
    assert list(tmp_path.iterdir()) == [], "the demo leaves nothing behind"
