"""Bytes at s3:// addresses: one protocol, a folder driver and an S3 driver."""

from workflow.storage.base import ObjectInfo, ObjectNotFound, Storage
from workflow.storage.uri import InvalidS3Uri, S3Uri

__all__ = ["InvalidS3Uri", "ObjectInfo", "ObjectNotFound", "S3Uri", "Storage"]
