"""Deposits and withdrawals as their door knows them: asked, then decided, and recognised when they come again."""

from collections import deque

import msgspec

from actors.errors import ProtocolError
from actors.messages import DepositedEvent, DepositEvent, TransferRejectedEvent, WithdrawEvent, WithdrawnEvent

TransferRequest = DepositEvent | WithdrawEvent
TransferResult = DepositedEvent | WithdrawnEvent | TransferRejectedEvent


class TransferRecord(msgspec.Struct, frozen=True, gc=False):
    """A transfer and what the wallet decided; replaced whole, since another thread reads it."""

    request: TransferRequest
    result: TransferResult | None = None


def is_same_transfer(asked: TransferRequest, known: TransferRequest) -> bool:
    """Whether a request under a known transfer id is the first one again."""
    return type(asked) is type(known) and asked.asset == known.asset and asked.amount == known.amount


class Transfers:
    """The transfers of a tracker by account and transfer id; of the decided ones the newest `decided_max` are kept.

    One thread changes it; another may call `find` and `named`, which are single reads of immutable values.
    """

    __slots__ = ("_accounts", "_decided", "_decided_max", "_records")

    def __init__(self, decided_max: int) -> None:
        self._decided_max = decided_max
        self._records: dict[tuple[str, str], TransferRecord] = {}
        self._accounts: dict[str, tuple[str, ...]] = {}
        """Accounts that have used a transfer id; nearly always one."""
        self._decided: deque[tuple[str, str]] = deque()

    def __len__(self) -> int:
        return len(self._records)

    def find(self, account: str, transfer_id: str) -> TransferRecord | None:
        """Return the account's transfer."""
        return self._records.get((account, transfer_id))

    def named(self, transfer_id: str) -> list[TransferRecord]:
        """Return the transfers with this id, of whatever account."""
        found = (self.find(account, transfer_id) for account in self._accounts.get(transfer_id, ()))
        return [record for record in found if record is not None]

    def ask(self, request: TransferRequest) -> TransferRecord:
        """Add a transfer that is not known yet."""
        transfer_id = request.transfer_id
        record = self._records[request.account, transfer_id] = TransferRecord(request)
        self._accounts[transfer_id] = (*self._accounts.get(transfer_id, ()), request.account)
        return record

    def decide(self, result: TransferResult) -> None:
        """Add the wallet's decision, and forget the oldest decided transfer when there are too many.

        Raises:
            ProtocolError: no such transfer waits for one.

        """
        key = (result.account, result.transfer_id)
        record = self._records.get(key)
        if record is None or record.result is not None:
            msg = f"a decision came for transfer {result.transfer_id} of {result.account}, which waits for none"
            raise ProtocolError(msg)
        self._records[key] = TransferRecord(record.request, result)
        self._decided.append(key)
        while len(self._decided) > self._decided_max:
            self._forget(self._decided.popleft())

    def _forget(self, key: tuple[str, str]) -> None:
        account, transfer_id = key
        del self._records[key]
        others = tuple(other for other in self._accounts[transfer_id] if other != account)
        if others:
            self._accounts[transfer_id] = others
        else:
            del self._accounts[transfer_id]
