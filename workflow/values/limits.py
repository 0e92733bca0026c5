"""How large a single value may grow while a query runs.

Values are made in one go, between two looks at the clock: without these limits a query of one line, such as a text that
is doubled in a loop, would take all of the machine's memory before anybody could cancel it.
"""

from __future__ import annotations

import sys
from typing import Final

from workflow.errors import MemoryLimitExceeded

MOST_CHARACTERS: Final = 1 << 24
MOST_MEMBERS: Final = 1 << 22
MOST_COMMAS: Final = 1 << 21  # of a JSON text: the values between them are made in one go, in a fifth of a second
MOST_BITS: Final = 14_000  # of a BigInteger; numbers with more digits can be calculated with and not be written
MOST_DIGITS: Final = sys.int_info.default_max_str_digits  # of an integer that is read or written as text
# of a regular expression: how long it is, how often its counted parts repeat in all, how long one search may take
MOST_PATTERN: Final = 2000
MOST_REPEATS: Final = 10_000
MATCH_TIMEOUT_S: Final = 1.0


def read_error(error: Exception) -> str:
    """The complaint of a Python reader or writer in words for the sender of the text, not for programmers."""
    if "int_max_str_digits" in str(error):
        return f"an integer has more than {MOST_DIGITS} digits"
    if isinstance(error, OverflowError):
        return "a number is too large for its type"
    if isinstance(error, UnicodeDecodeError):
        return f"it is not UTF-8: byte {error.start} is {error.object[error.start]:#04x}"
    return str(error) or type(error).__name__


def too_many_values(text: bytes | bytearray | str) -> str | None:
    """What is wrong with a JSON text that has more values than one may, or more commas in its texts; None otherwise."""
    count = text.count(",") if isinstance(text, str) else text.count(b",")
    return None if count <= MOST_COMMAS else f"it has more than {MOST_COMMAS} commas; send its values in several parts"


def check_characters(count: int) -> None:
    """Raise MemoryLimitExceeded for a text that would be too long."""
    if count > MOST_CHARACTERS:
        raise MemoryLimitExceeded(f"The query makes a text of more than {MOST_CHARACTERS} characters")


def check_members(count: int) -> None:
    """Raise MemoryLimitExceeded for a list, set or map that would be too large."""
    if count > MOST_MEMBERS:
        raise MemoryLimitExceeded(f"The query makes a collection of more than {MOST_MEMBERS} members")


def check_bits(count: int) -> None:
    """Raise MemoryLimitExceeded for an integer that would be too long."""
    if count > MOST_BITS:
        raise MemoryLimitExceeded(f"The query calculates an integer of more than {MOST_BITS} bits")
