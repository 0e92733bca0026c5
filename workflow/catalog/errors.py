"""What the catalogs and procedures refuse."""

from __future__ import annotations

from workflow.errors import IllegalArgument


class ProcedureRefused(IllegalArgument):
    """A procedure was asked for something that it does not do; the message says what and why."""


class NameMissing(ProcedureRefused):
    """A graph, pipeline or model of a name that there is not."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} with name `{name}` does not exist; list what there is, or create it first")
        self.kind, self.name = kind, name


class NameTaken(ProcedureRefused):
    """A graph, pipeline or model of a name that there is already."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} with name `{name}` already exists; choose another name, or drop that one")
        self.kind, self.name = kind, name


def checked_name(kind: str, name: object) -> str:
    """A name that may be given. Raises ProcedureRefused for a blank one, or one with blanks around it."""
    if not isinstance(name, str) or not name.strip():
        raise ProcedureRefused(f"The name of a {kind.lower()} must not be blank")
    if name != name.strip():
        raise ProcedureRefused(f"The name of a {kind.lower()} must not begin or end with whitespace, as {name!r} does")
    return name
