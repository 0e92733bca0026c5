"""The reports of a stage as a notebook shows them."""

from __future__ import annotations

import html
from dataclasses import dataclass, field

REPORT, MODEL_REPORT = "report.html", "model-report.html"
HEIGHT_PX = 900
_LINK = f'<a href="{MODEL_REPORT}">{MODEL_REPORT}</a>'


@dataclass(frozen=True)
class Report:
    """Pages of a finished stage: of a training two, the comparison of its trials and the winner's own."""

    pages: tuple[str, ...] = field(repr=False)

    def _repr_html_(self) -> str:
        """A frame a page: its styles stay there, and nothing in it may run."""
        return "".join(
            f'<iframe sandbox srcdoc="{html.escape(page.replace(_LINK, "below this one"))}" width="100%" '
            f'height="{HEIGHT_PX}" style="border: 1px solid #ccc"></iframe>'
            for page in self.pages
        )
