"""Loading files into a graph: what is asked, what is reported, and who does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO, Final, Literal, Protocol

MOST_ERRORS: Final = 10_000
ErrorCode = Literal["PARSING_ERROR", "DATATYPE_MISMATCH_ERROR", "FROM_OR_TO_VERTEX_ARE_MISSING", "INSERT_ERROR"]


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong with one line; line 1 is the header, 0 the file as a whole."""

    code: ErrorCode
    message: str
    line: int


@dataclass(frozen=True, slots=True)
class LoadRules:
    """What a load request decides.

    ``number_ids`` tells whether ids of digits become numbers in the tinkerpop profile; None means that they do. In the
    neptune profile every id is text.
    """

    fail_on_error: bool = True
    update_single: bool = False
    keep_empty_strings: bool = False
    number_ids: bool | None = None


@dataclass(slots=True)
class FileReport:
    """What became of one file. ``records`` counts rows; ``duplicates`` those that brought nothing new."""

    records: int = 0
    duplicates: int = 0
    parsing_errors: int = 0
    datatype_errors: int = 0
    insert_errors: int = 0
    errors: list[RowError] = field(default_factory=list)

    @property
    def failures(self) -> int:
        return self.parsing_errors + self.datatype_errors + self.insert_errors

    def note(self, error: RowError) -> None:
        """Count an error; the first ``MOST_ERRORS`` are listed too."""
        if error.code == "PARSING_ERROR":
            self.parsing_errors += 1
        elif error.code == "DATATYPE_MISMATCH_ERROR":
            self.datatype_errors += 1
        else:
            self.insert_errors += 1
        if len(self.errors) < MOST_ERRORS:
            self.errors.append(error)


class FileLoader(Protocol):
    """Loads files of one format into one graph, one at a time."""

    def kind(self, stream: BinaryIO, name: str) -> Literal["vertices", "edges"] | None:
        """What a file holds, by its header; None when that cannot be told. Closes the stream."""

    def load(
        self,
        stream: BinaryIO,
        name: str,
        rules: LoadRules,
        report: FileReport | None = None,
        cancelled: Callable[[], bool] = ...,
    ) -> FileReport:
        """Load one file and close the stream; the report, filled as it goes, tells what became of it.

        What is loaded is durable on return. Loading a file again is harmless: its rows merge with what is there.
        Raises OSError when the stream cannot be read, CancelledByUser once ``cancelled`` says so.
        """
