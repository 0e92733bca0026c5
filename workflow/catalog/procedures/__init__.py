"""The procedures and functions ``gds.…`` as rows of the table that an engine of openCypher is given."""

from __future__ import annotations

from .table import catalog_rows

__all__ = ["catalog_rows"]
