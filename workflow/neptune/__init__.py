"""Neptune's machine-learning HTTP API as data: operations, request bodies, answers. No input or output happens here."""

from workflow.neptune.operations import KINDS, OPERATIONS, Kind, Operation, decode

__all__ = ["KINDS", "OPERATIONS", "Kind", "Operation", "decode"]
