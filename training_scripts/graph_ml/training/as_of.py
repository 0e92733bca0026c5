"""Answers as of an earlier moment: what the model has learned, over the graph that was there before it."""

from __future__ import annotations

import shutil
import tempfile
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from ..artifacts import ModelFolder
from ..predict import Incompatible, Predictor, load_predictor
from ..predict.earlier import earlier
from ..schemas import EndpointRequest, EndpointResponse

#: moments whose models are kept
MOST_MOMENTS = 4


def load_with_moments(folder: Path, device: str = "auto") -> Predictor:
    """Open a model folder whose model answers as of any moment, where it can; see ``load_predictor``."""
    return AsOfPredictor(ModelFolder(folder), load_predictor(folder, device), lambda then: load_predictor(then, device))


class AsOfPredictor:
    """Answers about the graph as it is by one model, and about the graph as it was by others that are made of it.

    The model of a moment is made when it is first asked for, which takes as long as a transform, and kept while no four
    others are asked for.

    Args:
        model: the folder, with its graph where it can answer so.
        now: answers about the graph as it is.
        load: opens a model folder.
    """

    def __init__(self, model: ModelFolder, now: Predictor, load: Callable[[Path], Predictor]) -> None:
        self._model, self._now, self._load = model, now, load
        self._turn = threading.Lock()  # guards the models of moments, and makes one at a time
        self._then: OrderedDict[float, Predictor] = OrderedDict()
        self._folder: Path | None = None

    def warm(self) -> None:
        """See ``Predictor``."""
        self._now.warm()

    def answer(self, request: EndpointRequest) -> EndpointResponse:
        """See ``Predictor``.

        Raises:
            Incompatible: the model has no times, or nothing was there at the moment; or the request brings a graph and
                the model does not know what in it says when.
        """
        moment = request.data.global_parameters.as_of
        if moment is None:
            return self._now.answer(request)
        if "timed" not in self._model.description.details:
            raise Incompatible(
                "this model cannot answer as of an earlier moment: its graph has no times (name them as 'time' or "
                "'times' when it is exported), or it has learned a vector for each vertex and nothing else"
            )
        if request.data.graph is not None:
            times = self._model.description.details.get("times")
            if times is None:
                raise Incompatible(
                    "this model does not know which properties of the graph that is brought say when; process and "
                    "train it again, or ask without a graph"
                )
            data = request.data.model_copy(update={"graph": earlier(request.data.graph, times, moment)})
            request = request.model_copy(update={"data": data})
        return self._at(moment).answer(request)

    def _at(self, moment: float) -> Predictor:
        with self._turn:
            if moment in self._then:
                self._then.move_to_end(moment)
                return self._then[moment]
            from .refresh import as_of  # with torch, which other requests need not

            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="as-of-"))
                weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
            folder = self._folder / str(moment)
            try:
                as_of(self._model, moment, folder)
            except ValueError as error:
                raise Incompatible(f"the model cannot answer as of that moment: {error}") from error
            found = self._then[moment] = self._load(folder)
            if len(self._then) > MOST_MOMENTS:
                oldest, _ = self._then.popitem(last=False)
                shutil.rmtree(self._folder / str(oldest), ignore_errors=True)
            return found
