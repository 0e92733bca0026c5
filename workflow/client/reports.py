"""The reports of a stage as a notebook shows them."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field

from training_scripts.graph_ml.schemas import files

REPORT, MODEL_REPORT = files.REPORT, "model-report.html"
HEIGHT_PX = 900
_LINKS = re.compile(rf'<a href="(?:{REPORT}|{MODEL_REPORT})">([^<]*)</a>')


@dataclass(frozen=True)
class Report:
    """Pages of a finished stage: of a training two, the comparison of its trials and the winner's own."""

    pages: tuple[str, ...] = field(repr=False)

    def _repr_html_(self) -> str:
        """A frame a page: its styles stay there, nothing in it may run, and the pages stand one below the other."""
        return "".join(
            f'<iframe sandbox srcdoc="{html.escape(_unlinked(page))}" width="100%" '
            f'height="{HEIGHT_PX}" style="border: 1px solid #ccc"></iframe>'
            for page in self.pages
        )


def _unlinked(page: str) -> str:
    """A page without the links between the two: in a frame they would lead nowhere."""
    return _LINKS.sub(r"\1", page)
