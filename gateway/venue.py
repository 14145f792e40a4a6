"""A whole venue with its HTTP side, run by this process as its supervisor."""

from collections.abc import Callable

import msgspec

from actors.bootstrap import serve
from actors.engine.node import configure_logging
from gateway.config import Settings
from gateway.node import ENTRY

OPERATOR_KEY_VARIABLE = "TRADEPOST_OPERATOR_KEY"


def run_venue(settings: Settings, ready: Callable[[str], None]) -> int:
    """Run a venue until SIGINT or SIGTERM; return its exit code.

    `ready` is called with the venue's address, such as `http://127.0.0.1:8080`, when orders can be placed.

    Raises:
        StartError: the data directory or the address cannot be used.

    """
    configure_logging("supervisor")
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return serve(
        settings.venue,
        ENTRY,
        msgspec.json.encode(settings).decode(),
        (settings.host, settings.port),
        lambda port: ready(f"http://{host}:{port}"),
    )
