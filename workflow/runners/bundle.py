"""``model.tar.gz``: packed the same way every time, unpacked without trusting it."""

from __future__ import annotations

import gzip
import os
import shutil
import tarfile
import uuid
from pathlib import Path

from workflow.errors import BadRequest

MAX_MEMBERS = 100_000
RESERVE_BYTES = 256 << 20  # of the disk, which an archive of a few kilobytes must not be able to fill
_NEVER = {"__pycache__", ".DS_Store"}


class BadArchive(BadRequest):
    """An archive that cannot, or must not, be unpacked."""

    def __init__(self, archive: Path, why: object) -> None:
        super().__init__(f"{archive.name} cannot be unpacked: {why}; train or transform the model again")
        self.archive = archive


def pack(folder: Path, archive: Path) -> None:
    """Pack the files of a folder, members at the root, sorted, without times or owners: equal content, equal bytes.

    Links are not followed and not packed. The archive appears whole or not at all.
    """
    archive.parent.mkdir(parents=True, exist_ok=True)
    partial = archive.with_name(f"{archive.name}.{uuid.uuid4().hex}.partial")
    try:
        with (
            partial.open("wb") as raw,
            gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=1, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
        ):
            for file in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix()):
                if file.is_symlink() or not file.is_file() or _NEVER & set(file.relative_to(folder).parts):
                    continue
                info = tarfile.TarInfo(file.relative_to(folder).as_posix())
                info.size = file.stat().st_size
                info.mode = 0o644
                with file.open("rb") as content:
                    tar.addfile(info, content)
        partial.replace(archive)
    finally:
        partial.unlink(missing_ok=True)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack into a folder that appears whole or not at all, replacing what was there.

    Raises BadArchive for a damaged one, for members that would leave the folder, and for links and devices.
    """
    partial = folder.with_name(f"{folder.name}.{uuid.uuid4().hex}.partial")
    partial.mkdir(parents=True)
    try:
        with tarfile.open(archive, "r:*") as tar:
            room = shutil.disk_usage(partial).free - RESERVE_BYTES
            total = 0
            for count, member in enumerate(tar, 1):
                if not (member.isfile() or member.isdir()):
                    raise BadArchive(archive, f"member {member.name!r} is neither a file nor a folder")
                total += member.size
                if total > room:
                    raise BadArchive(archive, f"it needs more than the {room >> 20} MB that the disk has left")
                if count > MAX_MEMBERS:
                    raise BadArchive(archive, f"it has more than {MAX_MEMBERS} files")
                target = os.path.realpath(partial / member.name)
                if not target.startswith(os.path.realpath(partial) + os.sep) and target != os.path.realpath(partial):
                    raise BadArchive(archive, f"member {member.name!r} leads out of the folder")
                tar.extract(member, partial, filter="data")
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, OSError) as error:
        raise BadArchive(archive, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
