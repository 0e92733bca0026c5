"""Locks that note in which order they are taken, in place of those that modules of the product make."""

from __future__ import annotations

import linecache
import re
import sys
import threading
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

ATTRIBUTE = re.compile(r"(\w+)(?:: [\w.]+)? = threading")


class LockWatch:
    """What was held when a lock was taken: pairs of names such as ``store._order``, over all threads."""

    def __init__(self) -> None:
        self.pairs: set[tuple[str, str]] = set()
        self.taken: set[str] = set()
        self._here = threading.local()

    def watch(self, patch: pytest.MonkeyPatch, *modules: ModuleType) -> None:
        """Let locks that these modules make from now on be watched."""
        for module in modules:
            stand_in = SimpleNamespace(**vars(threading))
            stand_in.Lock = lambda: _Watched(threading.Lock(), self._name(), self)
            stand_in.RLock = lambda: _Watched(threading.RLock(), self._name(), self)
            patch.setattr(module, "threading", stand_in)

    @staticmethod
    def _name() -> str:
        """Of the lock that is being made: its module and attribute."""
        frame = sys._getframe(2)
        found = ATTRIBUTE.search(linecache.getline(frame.f_code.co_filename, frame.f_lineno))
        module = frame.f_globals["__name__"].rpartition(".")[2]
        return f"{module}.{found[1] if found else frame.f_lineno}"

    @property
    def held(self) -> list[str]:
        """The names of what this thread holds."""
        if not hasattr(self._here, "held"):
            self._here.held = []
        held: list[str] = self._here.held
        return held


class _Watched:
    """A lock with a name."""

    def __init__(self, lock: Any, name: str, watch: LockWatch) -> None:
        self._lock, self._name, self._watch = lock, name, watch

    def acquire(self, *arguments: Any, **named: Any) -> bool:
        taken: bool = self._lock.acquire(*arguments, **named)
        if taken:
            held = self._watch.held
            if self._name not in held:
                self._watch.pairs |= {(before, self._name) for before in held}
            self._watch.taken.add(self._name)
            held.append(self._name)
        return taken

    def release(self) -> None:
        self._watch.held.remove(self._name)
        self._lock.release()

    def locked(self) -> bool:
        return bool(self._lock.locked())

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()
