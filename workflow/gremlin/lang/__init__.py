"""Gremlin as text: from a script to traversals."""

from workflow.gremlin.lang.parser import Limits, Script, parse

__all__ = ["Limits", "Script", "parse"]
