"""Addresses of the form ``s3://bucket/key``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from workflow.errors import BadRequest

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")

MOST_KEY_BYTES = 1024  # S3's limit


class InvalidS3Uri(BadRequest):
    """A text that is no s3:// address; the first sentence is the user guide's."""

    def __init__(self, text: str, why: str) -> None:
        super().__init__(
            "Invalid S3 URL or incorrect S3 permissions. Please check your S3 configuration. "
            f"{text[:200]!r} {why}; write s3://bucket/folder"
        )
        self.text = text


@dataclass(frozen=True, order=True, slots=True)
class S3Uri:
    """One object or prefix; the key has no leading and no trailing slash, and is empty for the whole bucket."""

    bucket: str
    key: str = ""

    @classmethod
    def parse(cls, text: str) -> S3Uri:
        """Read an address leniently (``s3a://``, doubled and trailing slashes).

        Raises InvalidS3Uri for anything that is no address or whose key steps out of its bucket.
        """
        scheme, separator, rest = text.strip().partition("://")
        if not separator or scheme.lower() not in ("s3", "s3a", "s3n"):
            raise InvalidS3Uri(text, "does not begin with s3://")
        bucket, _, key = rest.partition("/")
        if not _BUCKET.fullmatch(bucket):
            raise InvalidS3Uri(text, "names no bucket (letters, digits, dots and hyphens)")
        parts = [part for part in key.split("/") if part]
        if any(part in (".", "..") for part in parts) or "\\" in key or "\0" in key:
            raise InvalidS3Uri(text, "has a key with '.', '..', a backslash or a zero byte")
        if not _fits(key):
            raise InvalidS3Uri(text, f"has a key that is no text of at most {MOST_KEY_BYTES} bytes")
        return cls(bucket, "/".join(parts))

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition("/")[2]

    def __truediv__(self, part: str) -> S3Uri:
        """The address of ``part``, which may hold slashes, below this one."""
        return S3Uri.parse(f"{self}/{part}")

    def relative_to(self, prefix: S3Uri) -> str:
        """The key below ``prefix``; ValueError when this address is not below it."""
        if self.bucket != prefix.bucket or not self.is_below(prefix):
            raise ValueError(f"{self} is not below {prefix}")
        return self.key[len(prefix.key) :].lstrip("/")

    def is_below(self, prefix: S3Uri) -> bool:
        """Whether this is ``prefix`` itself or lies under it, by whole key parts."""
        inside = not prefix.key or self.key == prefix.key or self.key.startswith(prefix.key + "/")
        return self.bucket == prefix.bucket and inside

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}" if self.key else f"s3://{self.bucket}"


def _fits(key: str) -> bool:
    try:
        return len(key.encode()) <= MOST_KEY_BYTES
    except UnicodeEncodeError:
        return False
