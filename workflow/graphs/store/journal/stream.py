"""The change log of a graph as pages of records, by commit and operation number.

Source: the Neptune user guide, "Neptune streams".
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, Literal

from workflow.errors import ExpiredStream, StreamRecordsNotFound
from workflow.graphs.store.journal.changes import Record
from workflow.graphs.store.journal.journal import Commit, Journal
from workflow.graphs.store.journal.segments import StoreDamaged

MOST_BYTES: Final = 10_000_000  # of a page; the guide's limit, which counts before that of the request
BARE_BYTES: Final = 170  # of a record without its texts
Start = Literal["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER", "TRIM_HORIZON", "LATEST"]


def read_stream(journal: Journal, start: Start, limit: int, commit: int, op: int, form: str) -> dict[str, Any]:
    """A page of the change log.

    Args:
        journal: of the graph.
        start: where to begin; commit and op count for the two sequence numbers only.
        limit: most records.
        commit: commit number, from 1.
        op: number of the record in its commit, from 1.
        form: name of the format, ``PG_JSON`` or ``GREMLIN_JSON``.

    Raises StreamRecordsNotFound when there is nothing from there on, ExpiredStream when some of it is no longer kept.
    """
    last, last_ms = journal.last()
    if start == "LATEST":
        found = iter(_latest(journal, last))
    elif start == "TRIM_HORIZON":
        found = _entries(journal, (1, 1))
    else:
        wanted = (commit, op + (start == "AFTER_SEQUENCE_NUMBER"))
        _check_kept(journal, wanted, last)
        found = _kept(journal, wanted, last)
    records: list[dict[str, Any]] = []
    size = 0
    for entry in islice(found, limit):
        records.append(_line(*entry))
        size += _weight(entry[2])
        if size > MOST_BYTES:  # what breaks the limit is still told
            break
    if not records:
        raise StreamRecordsNotFound("there are no records in the change log from there on")
    return {
        "lastEventId": records[-1]["eventId"],
        "lastTrxTimestamp": last_ms,
        "format": form,
        "records": records,
        "totalRecords": len(records),
    }


def last_event(journal: Journal, commit: int) -> tuple[int, int] | None:
    """Commit and operation number of the last record up to a commit; None where none is kept."""
    found = _latest(journal, commit)
    return (found[0][0].number, found[0][1]) if found else None


Entry = tuple[Commit, int, Record, bool]


def _entries(journal: Journal, wanted: tuple[int, int]) -> Iterator[Entry]:
    """Records from (commit, op) on, each with its op number and whether it ends its commit."""
    for commit in journal.commits(wanted[0]):
        first = max(1, wanted[1]) if commit.number == wanted[0] else 1
        try:
            records = journal.records(commit, first)
        except StoreDamaged:
            if commit.number <= journal.horizon()[0]:
                return  # a compaction has folded in its bulk load meanwhile
            raise
        held: tuple[int, Record] | None = None
        for numbered in enumerate(records, first):
            if held is not None:
                yield commit, *held, False
            held = numbered
        if held is not None:
            yield commit, *held, True


def _kept(journal: Journal, wanted: tuple[int, int], last: int) -> Iterator[Entry]:
    """The same of records that are still kept when the first has been read; raises ExpiredStream."""
    entries = _entries(journal, wanted)
    first = next(entries, None)
    if first is None or first[0].number != wanted[0]:
        _check_kept(journal, wanted, last)  # a compaction may have come between
    if first is not None:
        yield first
        yield from entries


def _latest(journal: Journal, last: int) -> list[Entry]:
    for number in range(last, max(0, last - 1000), -1):
        commit = next((found for found in journal.commits(number) if found.number == number), None)
        if commit is not None and (lines := journal.count(commit)):
            return list(_entries(journal, (number, lines)))[:1]
    return []


def _check_kept(journal: Journal, wanted: tuple[int, int], last: int) -> None:
    if wanted[0] > last:
        raise StreamRecordsNotFound(f"the last commit is {last}; there is no commit {wanted[0]} yet")
    if wanted <= journal.horizon():
        raise ExpiredStream(f"record {wanted[1]} of commit {wanted[0]} is no longer kept; begin with TRIM_HORIZON")


def _weight(record: Record) -> int:
    """About the bytes of a record as JSON."""
    data = record.data
    return BARE_BYTES + len(data["id"]) + len(data["key"]) + len(str(data["value"]["value"]))


def _line(commit: Commit, number: int, record: Record, is_last: bool) -> dict[str, Any]:
    line = {
        "commitTimestamp": commit.time_ms,
        "eventId": {"commitNum": commit.number, "opNum": number},
        "data": record.data,
        "op": record.op,
    }
    return {**line, "isLastOp": True} if is_last else line
