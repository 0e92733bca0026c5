"""What every artefact can do: be read from a file with a clear complaint, and be written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError


class Artefact(BaseModel):
    """One JSON document. Unknown fields are ignored on reading, because clients add their own."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True, protected_namespaces=(), defer_build=True)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is not what it should be; the text names the file and each wrong field.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise ValueError(f"{path.name} cannot be used: {describe(error)}") from error

    def to_json(self) -> str:
        """The document as text: two blanks of indentation, fields that are not set left out."""
        return self.model_dump_json(indent=2, by_alias=True, exclude_none=True) + "\n"

    def save(self, path: Path) -> None:
        """Write the file by renaming a finished one, so that no reader ever sees half of it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        temporary.write_text(self.to_json(), encoding="utf-8")
        temporary.replace(path)


def describe(error: ValidationError) -> str:
    """All complaints of one validation in one line: where, what was found, what is wrong with it."""
    parts = []
    for item in error.errors(include_url=False):
        where = ".".join(str(step) for step in item["loc"]) or "document"
        message = item["msg"].removeprefix("Value error, ")
        parts.append(f"{where}: {message}")
    return "; ".join(parts)
