"""What the door answers to a command from its own process: accepted with a record, or refused with a code."""

import msgspec

from actors.market import Market
from actors.status import OrderRecord
from actors.transfers import TransferRecord


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """The command is durable and will be decided; with `repeated`, its first coming was."""

    record: OrderRecord | TransferRecord | Market | None = None
    """What is known of the order or transfer now, the market defined, or None for a cancel-all."""
    repeated: bool = False


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """The command changes nothing; `code` is stable, the detail says what to do."""

    code: str
    detail: str
    retry_after_s: int = 0
    """After so many seconds the same command may succeed; 0 when waiting does not help."""
