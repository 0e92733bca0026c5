"""What an engine may be given beside the language: an extension that gives some traversals another meaning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from workflow.gremlin.running.step import StepBuilder
from workflow.gremlin.traversal import Traversal
from workflow.queries.suspension import Answering


class Extension(Protocol):
    """Rewrites traversals into steps of its own. Shared between threads.

    A query marks what is meant for an extension by ``with()`` options: ``owns`` says which. Its steps may ask the
    outside through ``ExecutionContext.answering``, which is made anew for every query.
    """

    steps: Mapping[str, StepBuilder]
    """Its own steps. Only its rewrite can write them: their builders refuse the arguments of any query text."""

    def owns(self, option: str) -> bool:
        """Whether a ``with()`` of this name is meant for the extension. With the value false it counts as absent."""

    def rewrite(self, traversal: Traversal, options: Mapping[str, Any]) -> Traversal:
        """The traversal in the extension's steps; the same object where nothing in it is meant for the extension.

        Args:
            traversal: after the user's strategies.
            options: the ``with()`` options of the source and of the request.

        Raises for whatever can be refused before anything runs.
        """

    def answering(self) -> Answering | None:
        """What the steps of one query ask; None where this service asks nobody."""
