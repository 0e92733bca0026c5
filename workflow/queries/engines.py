"""The engines of a language, built when the first query comes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

Engine = TypeVar("Engine")


class EnginesOnDemand(Mapping[str, Engine]):
    """Engines by the name a query uses; all are built, in the thread of whoever looks up the first.

    Which names there are is known without them: a language that nobody speaks costs neither time nor memory.

    Args:
        names: those of all engines.
        build: makes them; called once.
    """

    def __init__(self, names: Iterable[str], build: Callable[[], Mapping[str, Engine]]) -> None:
        self._names = dict.fromkeys(names)
        self._build = build
        self._built: Mapping[str, Engine] | None = None
        self._lock = threading.Lock()  # guards the building: once, however many ask first

    def __getitem__(self, name: str) -> Engine:
        if name not in self._names:
            raise KeyError(name)
        if self._built is None:
            with self._lock:
                if self._built is None:
                    self._built = self._build()
        return self._built[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
