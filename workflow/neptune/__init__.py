"""Neptune's data API as data: every operation, its request and its answer. No input or output happens here."""

from workflow.neptune.operations import KINDS, OPERATIONS, Kind, Operation, Refusal, decode, operation_of

__all__ = ["KINDS", "OPERATIONS", "Kind", "Operation", "Refusal", "decode", "operation_of"]
