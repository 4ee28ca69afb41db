"""What the files of columns owe to the erased."""

from collections.abc import Mapping

from segments.app.settle_columns import SettleColumns
from segments.app.version import Board


class FileDebts:
    """`settle`: who writes columns to files and removes them; None when they are in none."""

    def __init__(self, board: Board, settle: SettleColumns | None) -> None:
        self._board = board
        self._settle = settle

    def of(self, tenant: str) -> Mapping[str, int] | None:
        """Up to which debt the file of which column is to be made anew, that it holds nobody who is erased by now. None
        while there is a file that no column is in, which may hold anybody."""
        if self._settle is not None and self._settle.leaves(tenant):
            return None
        return self._board.current.tenant(tenant).index.debts()

    def are_paid(self, tenant: str, debts: Mapping[str, int]) -> bool:
        """Whether that was done, whoever has been erased since."""
        return self._board.current.tenant(tenant).index.has_paid(debts)
