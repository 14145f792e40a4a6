"""Runs the demo: the venue in this process's nodes, and beside it a thread that trades over HTTP."""

import asyncio
import os
import signal
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress

import aiohttp
from rich.console import Console

from gateway.config import Settings
from gateway.demo.client import Client, DemoFailed
from gateway.demo.day import Day
from gateway.demo.show import make_console, show_audit, show_orders, show_welcome
from gateway.demo.traders import TAKERS, open_accounts, trade_on
from gateway.keys import OPERATOR, OPERATOR_KEY_ID
from gateway.venue import run_venue, take_directory

EXIT_OK = 0
EXIT_FAILED = 1
JOIN_S = 5.0
"""How long the story may take to end once the venue has."""
REQUEST_S = 15.0


def run_demo(settings_for: Callable[[str], Settings], *, once: bool) -> int:
    """Run the demo until Ctrl-C, or `once` through a scripted day; return an exit code.

    `settings_for` is given the directory to use unless the user has named another.
    """
    with tempfile.TemporaryDirectory(prefix="tradepost-demo-") as directory:
        settings = settings_for(directory)
        _, operator_key = take_directory(settings).create(OPERATOR_KEY_ID, (OPERATOR,))
        teller = _Teller(operator_key, once=once)
        code = run_venue(settings, teller.start)
        return code or teller.finish()


class _Teller:
    """Tells the story of the demo in a thread of its own, since the main thread is the venue's supervisor."""

    def __init__(self, operator_key: str, *, once: bool) -> None:
        self._operator_key = operator_key
        self._once = once
        self._console = make_console()
        self._loop = asyncio.new_event_loop()
        self._story: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._tell, name="demo", daemon=True)
        self._exit_code = EXIT_FAILED if once else EXIT_OK

    def start(self, url: str) -> None:
        """Begin; the venue is open at this address."""
        self._story = self._loop.create_task(self._live_once(url) if self._once else self._live_on(url))
        self._thread.start()

    def finish(self) -> int:
        """End the story, now that the venue has closed; return its exit code."""
        if self._story is None:
            self._loop.close()
        else:
            with suppress(RuntimeError):  # The loop is closed already when the story has come to its own end.
                self._loop.call_soon_threadsafe(self._story.cancel)
            self._thread.join(JOIN_S)
        return self._exit_code

    def _tell(self) -> None:
        assert self._story is not None
        try:
            self._loop.run_until_complete(self._story)
        except asyncio.CancelledError:
            return
        except (DemoFailed, aiohttp.ClientError, TimeoutError) as error:
            self._exit_code = EXIT_FAILED
            Console(stderr=True).print(f"tradepost demo: {error}", highlight=False, markup=False)
        finally:
            self._loop.close()
        # The venue stops as it does for Ctrl-C.
        os.kill(os.getpid(), signal.SIGTERM)

    async def _live_once(self, url: str) -> None:
        """Play the day, show it, and see whether everything adds up."""
        async with self._session() as session:
            operator = Client(session, url, OPERATOR_KEY_ID, self._operator_key)
            show_orders(self._console, await Day(operator).play())
            audit = await operator.get("/v1/admin/audit")
            show_audit(self._console, audit)
            if audit["holds"] is not True or audit["at_rest"] is not True:
                raise DemoFailed("the audit does not hold, or the venue did not come to rest")
        self._exit_code = EXIT_OK

    async def _live_on(self, url: str) -> None:
        """Open funded accounts, say how to use them, and trade until cancelled."""
        async with self._session() as session:
            operator = Client(session, url, OPERATOR_KEY_ID, self._operator_key)
            clients = await open_accounts(operator)
            keys = {name: clients[name].key for name in TAKERS}
            show_welcome(self._console, url, self._operator_key, keys)
            await trade_on(clients)

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=REQUEST_S))
