"""Numbers for the distinct values of a column, which stay the same while it is written."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any, Final

MANY_ADDED: Final = 1024


class Coding:
    """Distinct values by number, for a column and its forks. Values that no row holds any more keep their number."""

    def __init__(self, values: Iterable[Any] = ()) -> None:
        self._lock = threading.Lock()  # guards the writing of both; reading needs none
        self.values = list(values)
        self._codes: dict[Any, int] | None = None
        self._most = 2 * len(self.values) + MANY_ADDED

    @property
    def full(self) -> bool:
        """Whether so many values came that it is time for a new one."""
        return len(self.values) > self._most

    def settle(self) -> None:
        """All values there are now were found in the column."""
        self._most = 2 * len(self.values) + MANY_ADDED

    def code(self, value: Any) -> int:
        """The number of a value, given at first use; 1, 1L and true differ. TypeError for what cannot be hashed."""
        # strings are told apart by themselves; everything else with its class, since 1 == True == 1.0
        mark = value if type(value) is str else (type(value), value)
        with self._lock:
            if self._codes is None:
                self._codes = {one if type(one) is str else (type(one), one): at for at, one in enumerate(self.values)}
            code = self._codes.get(mark)
            if code is None:
                code = self._codes[mark] = len(self.values)
                self.values.append(value)
            return code
