"""The seam between link models and their evaluation."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from ...artifacts import ModelWriter
from ...judging.floors.structure import view_of
from ...judging.ranking import Ranking
from ...links import LinkProblem
from ...models.ranking.store import save_floor
from ...pairs.graph import Floats, Ints


class ScoredLinks(Protocol):
    """A model of one or more link problems that can be judged."""

    #: whether ``choose`` has the last word; where it has not, a floor that is better answers
    serves_floors: ClassVar[bool]
    notes: list[str]

    def all_scores(self, position: int, sources: Ints, predict_heads: bool) -> dict[str, Floats]:
        """Scores, (sources, candidates), of each scorer the model could answer with, from the training links alone."""

    def choose(self, position: int, ranking: Ranking | None) -> str:
        """Choose what answers by ranks of links to choose by, None without any; the name of a scorer.

        The ranking holds own scorers and the floors; a model that can serve a floor may choose one.
        """

    def knowing(self, problems: list[LinkProblem]) -> ScoredLinks:
        """The same model, as it was learned and chosen, answering from the training links of these problems."""


class TrainedLinks(ScoredLinks, Protocol):
    """A trained model of one or more link problems, which is kept with the floor that it may have chosen."""

    history: list[dict[str, float]]

    def save(self, writer: ModelWriter, position: int) -> dict[str, Any]:
        """Keep what serves one problem, now with all known links; what is returned describes the scorer."""

    def finish(self, writer: ModelWriter) -> dict[str, Any]:
        """Keep what all problems share; what is returned goes into the details of ``model.json``."""


def with_floor(
    writer: ModelWriter,
    position: int,
    problem: LinkProblem,
    name: str,
    trained: dict[str, Any],
    weight: float | None = None,
) -> dict[str, Any]:
    """Keep a floor that answers in place of a trained scorer, or with a weight beside it; describes both."""
    complete = problem.complete()
    views = dict(complete.views(complete.train))
    floor = save_floor(writer, f"links/{position}", name, views[view_of(name)])
    return {"kind": "floor", "floor": floor, "weight": weight, "trained": trained}
