"""Export: targets, features and a graph's snapshot become CSV files and a training configuration.

``parse_request`` checks a request body at once; ``write_export`` writes a whole export into a folder.
"""

from workflow.export.plan import ExportRequest, filter_file, parse_request, with_filter
from workflow.export.writer import ExportOutcome, ExportProgress, write_export

__all__ = [
    "ExportOutcome",
    "ExportProgress",
    "ExportRequest",
    "filter_file",
    "parse_request",
    "with_filter",
    "write_export",
]
