"""``CURRENT``: the small file that says what a graph's folder must hold.

It is replaced atomically, carries its own checksum, and stands twice: where one of the two is lost or damaged the other
counts. Folders of older formats are read, and their first opening writes the present one, which older versions refuse
by its number: format 1 had no checksum and other logs, in format 2 logs do not add many vertices at once.
"""

from __future__ import annotations

import json
import os
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from workflow.errors import InternalFailure
from workflow.graphs.store.journal.log_file import acknowledged, log_path, log_paths
from workflow.graphs.store.journal.segments import SegmentFile, StoreDamaged, sync_folder

FORMAT: Final = 3
FIRST: Final = 1
NAME: Final = "CURRENT"
COPY: Final = "CURRENT.copy"


@dataclass(frozen=True, slots=True)
class Current:
    """What counts: a snapshot, and the logs that follow it."""

    profile: str
    snapshot: SegmentFile | None = None
    log: int = 1
    """The first log on top of the snapshot."""
    commit: int = 0
    """The last commit that is in the snapshot, ``time_ms`` its time and ``lines`` how many lines the change log had."""
    time_ms: int = 0
    lines: int = 0
    old_logs: int = 0
    """Logs up to this number are of format 1."""
    format: int = FORMAT


def read_current(folder: Path) -> tuple[Current, bool] | None:
    """What ``CURRENT`` says and whether its copy says the same; None where the folder is new.

    Raises StoreDamaged, and InternalFailure for a folder of a newer version.
    """
    found, reasons = [], []
    for name in (NAME, COPY):
        try:
            found.append(_parse((folder / name).read_bytes()))
        except FileNotFoundError:
            reasons.append("it is missing")
        except (OSError, ValueError, KeyError, TypeError) as error:
            reasons.append(str(error) or type(error).__name__)
    if found and (found[0].format != FIRST or not (folder / COPY).exists()):
        return found[0], len(found) == 2 and found[0] == found[1]
    if not found and _is_new(folder):
        return None
    raise StoreDamaged(folder / NAME, reasons[0] if reasons else "its format does not go with its copy")


def write_current(folder: Path, current: Current) -> None:
    """Durable on return; a crash leaves the old or the new, and a full disk the old alone."""
    facts = {**asdict(current), "format": FORMAT}
    text = json.dumps({**facts, "checksum": _checksum(facts)})
    temporaries = {folder / f"{name}.tmp": folder / name for name in (NAME, COPY)}
    try:
        for temporary in temporaries:
            # both are on disk before either counts: a full disk changes nothing
            with temporary.open("w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
    except OSError:
        for temporary in temporaries:
            temporary.unlink(missing_ok=True)
        raise
    for temporary, path in temporaries.items():
        temporary.replace(path)
    sync_folder(folder)


def begin(folder: Path, profile: str) -> Current:
    """Make a folder a graph's; the log is there before anything names it."""
    os.close(os.open(log_path(folder, 1), os.O_RDWR | os.O_CREAT, 0o600))
    current = Current(profile)
    write_current(folder, current)
    return current


def _parse(data: bytes) -> Current:
    found: dict[str, Any] = json.loads(data)
    checksum = found.pop("checksum", None)
    if found["format"] == FIRST and checksum is None:
        found["lines"] = found.get("lines", 0)  # of folders from before this was kept, none are missed
        found["old_logs"] = 1 << 62
    elif checksum != _checksum(found):
        raise ValueError("it does not match its checksum")
    elif not FIRST < found["format"] <= FORMAT:
        raise InternalFailure(
            f"the graph's folder was written by a newer version (format {found['format']}, and this one reads formats "
            f"up to {FORMAT}); use that version"
        )
    if found["snapshot"] is not None:
        found["snapshot"] = SegmentFile.of(found["snapshot"])
    return Current(**found)


def _checksum(facts: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(facts, sort_keys=True).encode())


def _is_new(folder: Path) -> bool:
    """Whether nothing says that there ever was a commit."""
    logs = log_paths(folder)
    files = [*folder.glob("snapshot-*"), *folder.glob("segment-*"), *folder.glob("log.torn-*")]
    return not files and not any(path.stat().st_size for path in logs) and not acknowledged(folder)
