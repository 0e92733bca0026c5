"""Folders at addresses, such as ``s3://bucket/export``: for jobs whose machines nobody fills beforehand."""

from __future__ import annotations

from pathlib import Path

from .container import JobError


def copy_folder(source: str | Path, target: str | Path) -> None:
    """Copy all files below a folder; either may be an address that PyArrow knows (``s3://``, ``gs://``, ``hdfs://``).

    Raises:
        JobError: one of them cannot be reached.
    """
    from pyarrow import fs  # knows every cloud, and is long to import

    try:
        (source_system, source_path), (target_system, target_path) = (
            (fs.LocalFileSystem(), str(one.absolute())) if isinstance(one, Path) else fs.FileSystem.from_uri(one)
            for one in (source, target)
        )
        target_system.create_dir(target_path, recursive=True)
        fs.copy_files(source_path, target_path, source_system, target_system)
    except (OSError, ValueError) as error:
        raise JobError(f"cannot copy {source} to {target}: {error}") from error
