"""Which storage the settings mean: all that a client needs of the composition root, which imports the whole service."""

from __future__ import annotations

from workflow.settings import Settings
from workflow.storage import Storage


def open_storage(settings: Settings) -> Storage:
    """What ``s3://`` addresses mean: keys below the home folder, or S3 itself."""
    if settings.storage == "s3":
        from workflow.storage.s3 import S3Storage

        return S3Storage(settings.region)
    from workflow.storage.local import LocalStorage

    return LocalStorage(settings.s3_root)
