"""Dictionaries by row in two layers, so that a fork of them shares nearly all."""

from __future__ import annotations

from math import isqrt
from typing import Final, TypeVar

_T = TypeVar("_T")
SMALL_TOP: Final = 1024


def layered(top: dict[int, _T], below: dict[int, _T]) -> tuple[dict[int, _T], dict[int, _T]]:
    """A top to be written and what stands below it, for a fork of both; neither of the given is changed.

    A fork costs a copy of the top, so a large top becomes part of what is shared. That copies all of it, which happens
    the seldomer the more there is: a write costs as much as the square root of all.
    """
    if len(top) <= SMALL_TOP + 16 * isqrt(len(below)):
        return dict(top), below
    return {}, {**below, **top} if below else top
