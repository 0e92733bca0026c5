"""Pictures for notebooks: a graph with its predicted edges, how a training went, and how good its answers are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from workflow.errors import InvalidParameter

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Picture:
    """An Altair chart that shows itself as SVG: in any notebook, without a browser's help or a network."""

    chart: Any

    def svg(self) -> str:
        """The drawing as text."""
        import vl_convert

        return str(vl_convert.vegalite_to_svg(self.chart.to_json()))

    def _repr_svg_(self) -> str:
        return self.svg()


KNOWN, PREDICTED = "known", "predicted"
BLUE = "#1f5fa8"


def link_chart(
    edges: pd.DataFrame, predicted: pd.DataFrame, *, captions: dict[str, str] | None = None, width: int = 560
) -> Picture:
    """The graph of ``edges`` with the ``predicted`` ones dashed.

    Args:
        edges: columns ``source`` and ``target``, ids of vertices.
        predicted: the same columns.
        captions: what to write beside a vertex instead of its id.
        width: in pixels; the picture is square.
    """
    import altair as alt
    import networkx as nx
    import pandas as pd

    for name, frame in (("edges", edges), ("predicted", predicted)):
        if not {"source", "target"} <= set(frame.columns):
            raise InvalidParameter(
                f"{name} needs the columns source and target; it has {', '.join(map(str, frame.columns))}."
            )
    network = nx.Graph([*_pairs(edges), *_pairs(predicted)])
    places = nx.spring_layout(network, seed=1, k=2.2 / max(len(network), 1) ** 0.5)
    lines = [
        {"kind": kind, "x": places[a][0], "y": places[a][1], "x2": places[b][0], "y2": places[b][1]}
        for kind, frame in ((KNOWN, edges), (PREDICTED, predicted))
        for a, b in _pairs(frame)
    ]
    points = [{"x": x, "y": y, "name": (captions or {}).get(id, id)} for id, (x, y) in places.items()]
    position: dict[str, Any] = {"x": alt.X("x:Q", axis=None), "y": alt.Y("y:Q", axis=None)}
    colours = alt.Scale(domain=[KNOWN, PREDICTED], range=["#b9c4cf", "#c2571a"])
    drawn = (
        alt.Chart(pd.DataFrame(lines))
        .mark_rule()
        .encode(
            **position,
            x2="x2:Q",
            y2="y2:Q",
            color=alt.Color("kind:N", scale=colours, title="edge"),
            strokeDash=alt.StrokeDash(
                "kind:N", scale=alt.Scale(domain=[KNOWN, PREDICTED], range=[[1, 0], [6, 4]]), title="edge"
            ),
            strokeWidth=alt.StrokeWidth(
                "kind:N", scale=alt.Scale(domain=[KNOWN, PREDICTED], range=[1.2, 2.4]), title="edge"
            ),
        )
    )
    base = alt.Chart(pd.DataFrame(points)).encode(**position)
    dots = base.mark_circle(size=140, color=BLUE, opacity=1).encode(tooltip="name:N")
    names = base.mark_text(dy=-13, fontSize=11).encode(text="name:N")
    # a name is to be read where lines cross it as well
    halo = base.mark_text(dy=-13, fontSize=11, stroke="white", strokeWidth=3, opacity=0.9).encode(text="name:N")
    layers = alt.layer(drawn, dots, halo, names).properties(width=width, height=width)
    return Picture(layers.configure_view(stroke=None))


def ranking_histogram(
    ranks: Sequence[float], *, title: str = "rank of the true vertex among all candidates"
) -> Picture:
    """How often a held-out edge came at which rank; logarithmic bins, because the head is what counts."""
    import altair as alt
    import pandas as pd

    bounds = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1 << 62]
    names = [f"{low}" if high == low + 1 else f"{low}–{high - 1}" for low, high in pairwise(bounds)]
    names[-1] = f"{bounds[-2]}+"
    counts = [sum(low <= rank < high for rank in ranks) for low, high in pairwise(bounds)]
    shown = max((i + 1 for i, count in enumerate(counts) if count), default=1)
    frame = pd.DataFrame({"rank": names[:shown], "how many": counts[:shown]})
    bars = alt.Chart(frame, title=title).mark_bar(color=BLUE).properties(width=alt.Step(42), height=220)
    # a count has no fractions
    count = alt.Y("how many:Q", axis=alt.Axis(tickMinStep=1))
    return Picture(bars.encode(x=alt.X("rank:N", sort=names, axis=alt.Axis(labelAngle=0)), y=count))


def training_curve(metrics: Mapping[str, Any]) -> Picture:
    """Loss and objective of the best trial after every epoch, from what ``Workflow.metrics`` gives.

    Raises InvalidParameter for a model that is not trained in epochs, such as a pair ranker.
    """
    import altair as alt
    import pandas as pd

    history = pd.DataFrame(metrics.get("history", []))
    if "epoch" not in history:
        raise InvalidParameter("The model that won was not trained in epochs, so there is no curve of them.")
    long = history.melt("epoch", var_name="figure").dropna()
    lines = alt.Chart(long).mark_line(color=BLUE, point={"size": 18, "color": BLUE})
    drawn = lines.encode(x="epoch:Q", y=alt.Y("value:Q", title=None, scale=alt.Scale(zero=False)))
    # the loss first, whatever the objective is called
    order = ["loss", *(str(name) for name in history if name not in ("epoch", "loss"))]
    facets = drawn.properties(width=260, height=180).facet(alt.Facet("figure:N", sort=order, title=None), columns=2)
    return Picture(facets.resolve_scale(y="independent"))


def confusion_chart(true: Sequence[Any], predicted: Sequence[Any]) -> Picture:
    """How often each class was taken for which; the diagonal is right."""
    import altair as alt
    import pandas as pd

    frame = pd.DataFrame({"true": list(map(str, true)), "predicted": list(map(str, predicted))})
    classes = sorted({*frame["true"], *frame["predicted"]})
    counts = frame.groupby(["true", "predicted"]).size()
    grid = pd.MultiIndex.from_product([classes, classes], names=["true", "predicted"])
    table = counts.reindex(grid, fill_value=0).rename("items").reset_index()
    base = alt.Chart(table).encode(
        x=alt.X("predicted:N", axis=alt.Axis(labelAngle=0)),
        y="true:N",
    )
    shade = alt.Color("items:Q", scale=alt.Scale(scheme="blues"), legend=None)
    white = alt.when(alt.datum.items > table["items"].max() / 2).then(alt.value("white")).otherwise(alt.value("black"))
    side = max(60 * len(classes), 120)
    cells, counts_shown = base.mark_rect().encode(color=shade), base.mark_text().encode(text="items:Q", color=white)
    return Picture(alt.layer(cells, counts_shown).properties(width=side, height=side))


def scatter_chart(true: Sequence[float], predicted: Sequence[float], *, title: str = "") -> Picture:
    """Predicted against true numbers; on the dashed line a prediction is right."""
    import altair as alt
    import pandas as pd

    frame = pd.DataFrame({"true": list(map(float, true)), "predicted": list(map(float, predicted))})
    ends = [float(frame.to_numpy().min()), float(frame.to_numpy().max())]
    scale = alt.Scale(zero=False, domain=ends, nice=True)
    x, y = alt.X("true:Q", scale=scale), alt.Y("predicted:Q", scale=scale)
    line = alt.Chart(pd.DataFrame({"true": ends, "predicted": ends})).mark_line(strokeDash=[6, 4], color="#888")
    dots = alt.Chart(frame).mark_circle(size=40, color=BLUE, opacity=0.6)
    layers = alt.layer(line.encode(x=x, y=y), dots.encode(x=x, y=y))
    return Picture(layers.properties(width=300, height=300, title=title))


def _pairs(frame: pd.DataFrame) -> list[tuple[str, str]]:
    """The edges without their directions, each once: two dashed lines on each other would look like a solid one."""
    pairs = zip(frame["source"].astype(str), frame["target"].astype(str), strict=True)
    return list({frozenset(pair): pair for pair in pairs}.values())
