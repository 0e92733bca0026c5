"""What moves between S3 and a job's folders: channels in, models and outputs out, checkpoints both ways."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from workflow.emulator.errors import invalid
from workflow.runners.bundle import pack, unpack
from workflow.storage import ObjectNotFound, S3Uri, Storage


def bring(
    storage: Storage, source: Mapping[str, Any], folder: Path, host: int, hosts: int, *, compressed: bool = False
) -> None:
    """Bring the objects of an ``S3DataSource`` or an ``S3Input`` into a folder; keys keep their path below the prefix.

    Args:
        host: this host's index among ``hosts``, which matters where the keys are shared out.
        compressed: the objects are compressed and are shown uncompressed.

    Raises ObjectNotFound where there is nothing, ApiError for a kind of source that is not emulated.
    """
    kind = source.get("S3DataType", "S3Prefix")
    uri = S3Uri.parse(str(source["S3Uri"]))
    if kind == "ManifestFile":
        objects = _manifest(storage, uri)
    elif kind == "S3Prefix":
        objects = [(info.uri, info.uri.relative_to(uri) or info.uri.name) for info in storage.list(uri)]
    else:
        raise invalid(f"S3DataType {kind} is not emulated; use S3Prefix or ManifestFile")
    if not objects:
        raise ObjectNotFound(uri)
    if source.get("S3DataDistributionType") == "ShardedByS3Key":
        objects = objects[host::hosts]
    for address, name in objects:
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        storage.download(address, place.parent)
        if compressed and name.endswith(".gz") and not name.endswith(".tar.gz"):
            _uncompress(place)


def bring_archive(storage: Storage, uri: S3Uri, folder: Path) -> None:
    """Unpack a ``.tar.gz`` into a folder. Raises ObjectNotFound, BadArchive."""
    download = folder.with_name(f"{folder.name}.download")
    try:
        storage.download(uri, download)
        shutil.rmtree(folder, ignore_errors=True)
        unpack(download / uri.name, folder)
    finally:
        shutil.rmtree(download, ignore_errors=True)


def send_archive(storage: Storage, folders: Sequence[Path], uri: S3Uri, work: Path) -> bool:
    """Merge the same folder of all hosts, pack it, and put it at an address; False where there is nothing to pack."""
    merged = _merged(folders, work)
    try:
        if not any(path.is_file() for path in merged.rglob("*")):
            return False
        archive = work / "upload" / uri.name
        pack(merged, archive)
        storage.upload(archive.parent, S3Uri(uri.bucket, uri.key.rpartition("/")[0]))
        archive.unlink()
        return True
    finally:
        shutil.rmtree(merged, ignore_errors=True)


def send_files(storage: Storage, folders: Iterable[Path], uri: S3Uri) -> int:
    """Put the files of a folder of each host below a prefix; links are not followed. Returns how many."""
    return sum(storage.upload(folder, uri) for folder in folders if folder.is_dir())


def mirror_checkpoints(storage: Storage, folder: Path, uri: S3Uri) -> None:
    """Make a prefix hold what a folder holds, deletions too."""
    if not folder.is_dir():
        return
    kept = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    storage.upload(folder, uri)
    for info in list(storage.list(uri)):
        if info.uri.relative_to(uri) not in kept:
            storage.delete(info.uri)


def bring_checkpoints(storage: Storage, uri: S3Uri, folder: Path) -> None:
    """Bring what an earlier start of the job has left; nothing is fine."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        storage.download(uri, folder)
    except ObjectNotFound:
        return


def _manifest(storage: Storage, uri: S3Uri) -> list[tuple[S3Uri, str]]:
    first, *keys = json.loads(storage.read(uri))
    prefix = S3Uri.parse(first["prefix"])
    return [(prefix / key, key) for key in keys]


def _merged(folders: Sequence[Path], work: Path) -> Path:
    merged = work / "merged"
    shutil.rmtree(merged, ignore_errors=True)
    merged.mkdir(parents=True)
    for folder in folders:
        if folder.is_dir():
            shutil.copytree(folder, merged, symlinks=True, dirs_exist_ok=True)
    return merged


def _uncompress(place: Path) -> None:
    with gzip.open(place, "rb") as packed, place.with_suffix("").open("wb") as plain:
        shutil.copyfileobj(packed, plain)
    place.unlink()
