"""A whole venue with its HTTP side, run by this process as its supervisor."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from actors.bootstrap import serve
from actors.engine.node import configure_logging
from actors.engine.supervisor import lock_directory
from gateway.config import Settings
from gateway.keys import Keys

GATEWAY_ENTRY = "gateway.node:run"
"""What the supervisor starts as a gateway; by name, since only that process needs an HTTP server."""
OPERATOR_KEY_VARIABLE = "TRADEPOST_OPERATOR_KEY"


def take_directory(settings: Settings) -> Keys:
    """Lock the data directory for the life of this process, and return the keys that are there.

    This comes before anything is written to it: a second venue must not change the keys of the one that runs.

    Raises:
        StartError: another venue runs on it, or it cannot be used.

    """
    lock_directory(Path(settings.venue.data_dir))
    return Keys(settings.venue.data_dir)


def run_venue(settings: Settings, ready: Callable[[str], None]) -> int:
    """Run a venue on a directory that has been taken until SIGINT or SIGTERM; return its exit code.

    `ready` is called with the venue's address, such as `http://127.0.0.1:8080`, when orders can be placed.

    Raises:
        StartError: the address cannot be used.

    """
    configure_logging("supervisor")
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return serve(
        settings.venue,
        GATEWAY_ENTRY,
        msgspec.json.encode(settings).decode(),
        (settings.host, settings.port),
        lambda port: ready(f"http://{host}:{port}"),
    )
