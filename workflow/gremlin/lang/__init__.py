"""Gremlin as text: from a script to traversals."""

from workflow.gremlin.lang.parser import Script, parse
from workflow.queries.reader import Limits

__all__ = ["Limits", "Script", "parse"]
