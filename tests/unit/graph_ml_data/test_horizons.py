"""Targets with a horizon: what comes within some days of a date, asked at several dates."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training_scripts.graph_ml.container import JobError, ProgressWriter
from training_scripts.graph_ml.graph import GraphData, Target, dgl_file
from training_scripts.graph_ml.links import LinkProblem
from training_scripts.graph_ml.processing import job, report
from training_scripts.graph_ml.processing.times import histories
from training_scripts.graph_ml.schemas import EdgeType, InstanceRecommendation, LabelSpec

Label = dict[str, Any]
Run = Callable[..., GraphData]
MACHINE = InstanceRecommendation(instance="a", cpu_instance="b", disk_size=1, mem_size=1)
ORDERED = EdgeType("User", "ORDERED", "Item")
# the days of January 2024 at which each user orders, at noon
ORDERS = {"a": [1, 6, 11, 16, 21, 26], "b": [2, 3, 24], "c": [14, 15, 16, 17]}
EDGES = "~from,~to,when\n" + "".join(
    f"{user},i{number % 3},2024-01-{day:02}T12:00:00Z\n"
    for user, days in ORDERS.items()
    for number, day in enumerate(days)
)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(dgl_file, "available", lambda: False)
    monkeypatch.setattr(job, "write_report", lambda *of: None)
    (tmp_path / "users.csv").write_text("~id,joined\na,2023-12-01\nb,2024-01-09\nc,2024-01-13\nd,\n")
    (tmp_path / "items.csv").write_text("~id\ni0\ni1\ni2\n")
    (tmp_path / "orders.csv").write_text(EDGES)

    def go(label: Label, on: str = "User", user_time: str | None = None, **edge: Any) -> GraphData:
        users: Label = {"file_name": "users.csv", "node": ["~id", "User"]}
        if user_time is not None:
            users["time"] = user_time
        ordered: Label = {
            "file_name": "orders.csv",
            "source": ["~from", "User"],
            "relation": ["", "ORDERED"],
            "dest": ["~to", "Item"],
            "time": "when",
            **edge,
        }
        (users if on == "User" else ordered)["labels"] = [label]
        nodes = [users, {"file_name": "items.csv", "node": ["~id", "Item"]}]
        (tmp_path / "c.json").write_text(json.dumps({"graph": {"nodes": nodes, "edges": [ordered]}}))
        asked = job.ProcessingJob(input=tmp_path, output=tmp_path / "out", config_file_name="c.json")
        return job.process(asked, ProgressWriter(tmp_path / "progress.json"), lambda line: None)

    return go


def asks(question: str, days: float = 5, **more: Any) -> Label:
    task = "classification" if question in ("exists", "absent") else "regression"
    return {"label": ["orders", task], "horizon": {"days": days, "edge": [*ORDERED], "asks": question, **more}}


def answers(graph: GraphData, part: str) -> list[tuple[str, str, float]]:
    """(date, user, answer) of the items of a part, in order."""
    (target,) = graph.targets
    horizon = graph.horizons[target]
    assert horizon.times is not None
    return [
        (
            str(np.datetime64(int(horizon.times[item]), "s"))[5:10],
            graph.node_ids["User"][graph.asked(target)[item]],
            float(graph.labels[target].values[item]),
        )
        for item in getattr(graph.splits[target], part)
    ]


def test_counts_are_told_at_every_date_for_whoever_was_there(run: Run) -> None:
    graph = run(asks("count"))
    # the newest order is of the 26th at noon: five days before it, at midnight, is the 21st; validation on the 16th;
    # training ends on the 11th, so that its answers are known on the 16th, and begins after the first order of all
    assert answers(graph, "train") == [
        ("01-06", "a", 1.0),  # the 6th at noon; the 11th at noon lies behind the five days
        ("01-06", "b", 0.0),
        ("01-11", "a", 1.0),
        ("01-11", "b", 0.0),  # c has not ordered yet, d never does: they are not there
    ]
    assert answers(graph, "valid") == [("01-16", "a", 1.0), ("01-16", "b", 0.0), ("01-16", "c", 2.0)]
    assert answers(graph, "test") == [("01-21", "a", 1.0), ("01-21", "b", 1.0), ("01-21", "c", 0.0)]


@pytest.mark.parametrize(("question", "expected"), [("exists", [1, 0, 1]), ("absent", [0, 1, 0])])
def test_whether_there_is_one_or_none_is_a_class(question: str, expected: list[int], run: Run) -> None:
    graph = run(asks(question))
    (target,) = graph.targets
    assert target == Target("node_class", "User", "orders")
    assert graph.labels[target].classes == ("false", "true")
    assert [answer for _, _, answer in answers(graph, "valid")] == expected


def test_the_first_one_is_told_in_days_and_unknown_where_none_comes(run: Run) -> None:
    graph = run(asks("first"))
    assert answers(graph, "valid") == [("01-16", "a", 0.5), ("01-16", "c", 0.5)]
    assert answers(graph, "test") == [("01-21", "a", 0.5), ("01-21", "b", 3.5)]


def test_a_vertex_with_a_time_is_there_from_then_on(run: Run) -> None:
    graph = run(asks("count"), user_time="joined")
    # d, of which nobody knows when it joined, is as old as any; c joined on the 13th
    assert [user for date, user, _ in answers(graph, "train") if date == "01-06"] == ["a", "d"]
    assert [user for date, user, _ in answers(graph, "train") if date == "01-11"] == ["a", "b", "d"]
    assert [user for _, user, _ in answers(graph, "valid")] == ["a", "b", "c", "d"]


def test_dates_may_lie_nearer_than_the_horizon_but_their_answers_end_before_validation(run: Run) -> None:
    graph = run(asks("count", every=2))
    assert [date for date, user, _ in answers(graph, "train") if user == "a"] == ["01-03", "01-05", "01-07", "01-09",
                                                                                 "01-11"]  # fmt: skip
    assert {date for date, _, _ in answers(run(asks("count", every=2, dates=2)), "train")} == {"01-09", "01-11"}


def test_dates_of_validation_and_test_may_be_given(run: Run) -> None:
    graph = run({**asks("count", 3), "split_dates": ["2024-01-14", "2024-01-23"]})
    assert [date for date, user, _ in answers(graph, "train") if user == "a"] == ["01-02", "01-05", "01-08", "01-11"]
    assert answers(graph, "valid") == [("01-14", "a", 1.0), ("01-14", "b", 0.0)]
    assert answers(graph, "test") == [("01-23", "a", 0.0), ("01-23", "b", 1.0), ("01-23", "c", 0.0)]
    (target,) = graph.targets
    assert graph.cuts[target] == (1705190400.0, 1705968000.0)


@pytest.mark.parametrize(
    ("label", "sentence"),
    [
        ({**asks("count"), "split_dates": ["2024-01-14", "2024-01-16"]}, "lie 2 days apart, and the horizon is 5"),
        ({**asks("count"), "split_dates": ["2024-01-14", "2024-01-25"]}, "the data end, at 2024-01-26T12:00:00Z"),
        (asks("count", 12), "nothing is left to train on: 2024-01-02 is the date of validation"),
        (asks("count", edge=["User", "BOUGHT", "Item"]), r"asks about edges \(User\)-BOUGHT-\(Item\), and there are"),
        (asks("count", end="target"), "have no vertex of type User as its target"),
    ],
)
def test_a_horizon_that_cannot_be_is_refused_in_a_sentence(label: Label, sentence: str, run: Run) -> None:
    with pytest.raises(JobError, match=sentence):
        run(label)


def test_a_horizon_tells_the_past_in_windows_of_its_own_length_unless_told_otherwise(run: Run) -> None:
    found = []
    for history in (None, {"windows": [2]}, False):
        graph = run({**asks("count"), "history": history})
        (target,) = graph.targets
        told = graph.histories.get(target)
        found.append(None if told is None else told.entry.windows)
        assert graph.history_of(target).shape == (len(graph.asked(target)), 0 if told is None else told.width("User"))
    assert found == [[5.0, 15.0], [2.0], None]


@pytest.mark.parametrize(("question", "answer"), [("count", lambda n: n), ("exists", lambda n: n > 0)])
def test_the_past_tells_the_earlier_answers_about_the_same_vertex(
    question: str, answer: Callable[[Any], Any], run: Run, tmp_path: Path
) -> None:
    # what comes in the five days before a date is what was asked five days before it, and was known by then
    graph = run(asks(question))
    (target,) = graph.targets
    horizon, asked = graph.horizons[target], graph.asked(target)
    assert horizon.times is not None
    before = np.expm1(graph.history_of(target)[:, 0]).round()
    items = {key: i for i, key in enumerate(zip(asked.tolist(), horizon.times.tolist(), strict=True))}
    labels = np.asarray(graph.labels[target].values)
    pairs = [
        (i, items[node, when - 5 * 86_400]) for (node, when), i in items.items() if (node, when - 5 * 86_400) in items
    ]
    assert [answer(before[later]) for later, _ in pairs] == [labels[earlier] for _, earlier in pairs]
    assert len(pairs) > 5
    # and another answer at the last date, which is told by what comes after it, is in nobody's past
    rows = EDGES.splitlines(keepends=True)
    moved = [row.replace("a,", "c,", 1) if "-26T" in row or "-24T" in row else row for row in rows]
    assert moved != rows
    (tmp_path / "orders.csv").write_text("".join(moved))
    other = run(asks(question))
    assert np.array_equal(other.history_of(target), graph.history_of(target))


def test_the_past_needs_a_time_of_the_items_and_of_edges(run: Run) -> None:
    label = {"label": ["joined", "classification"], "history": {"windows": [2]}}
    with pytest.raises(JobError, match="ends at the time of each item, and User names none"):
        run(label)
    with pytest.raises(JobError, match="told by edges that have a time"):
        run(label, user_time="joined", time=None)
    assert run(label, user_time="joined").histories


def test_labels_of_earlier_edges_are_told_where_those_of_edges_are_learned(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = EDGES.strip().split("\n")
    label = {"label": ["mood", "classification"], "history": {"windows": [2], "known_after": 3}}

    def labelled(classes: int) -> GraphData:
        moods = [f"{row},m{number % classes}" for number, row in enumerate(rows[1:])]
        (tmp_path / "orders.csv").write_text("\n".join([rows[0] + ",mood", *moods]) + "\n")
        return run(label, on="Edge")

    (history,) = labelled(2).histories.values()
    told = history.entry.labels
    assert told is not None
    assert (told.property, told.classes, told.after, told.separator) == ("mood", ["m0", "m1"], 3.0, None)
    monkeypatch.setattr(histories, "MOST_CLASSES", 2)
    graph = labelled(3)
    assert next(iter(graph.histories.values())).entry.labels is None
    assert any("there are 3 classes, and up to 2 are told" in text for text in graph.warnings)
    with pytest.raises(JobError, match="no label of edges is learned"):
        run({"label": ["joined", "classification"], "history": {"windows": [2], "known_after": 3}}, user_time="joined")


def test_encodings_are_fitted_to_what_training_may_know(run: Run, tmp_path: Path) -> None:
    def fitted(late: str) -> dict[str, Any]:
        # validation begins on the 16th
        lines = EDGES.strip().split("\n")
        rows = [
            line + ("," + (late if line[-20:-10] >= "2024-01-16" else str(row % 4))) for row, line in enumerate(lines)
        ]
        rows[0] = lines[0] + ",price"
        (tmp_path / "orders.csv").write_text("\n".join(rows) + "\n")
        price = {"feature": ["price", "price", "numerical"], "norm": "min-max", "imputer": "mean"}
        run({"label": ["", "link_prediction"], "horizon": {"days": 5}}, on="Edge", features=[price])
        types = json.loads((tmp_path / "out" / "encoders.json").read_text())["types"]
        (state,) = [feature["state"] for entry in types for feature in entry["features"]]
        return dict(state)

    assert fitted("2") == fitted("900")
    assert fitted("900")["high"] == 3.0


def test_edges_without_a_time_cannot_be_asked_about(run: Run) -> None:
    with pytest.raises(JobError, match="name their property of time"):
        run(asks("count"), time=None)


@pytest.mark.parametrize(
    ("label", "sentence"),
    [
        ({"label": ["x", "regression"], "horizon": {"days": 0}}, "greater than 0"),
        ({"label": ["x", "regression"], "horizon": {"days": 5, "asks": "count"}}, "needs 'edge'"),
        ({"label": ["x", "regression"], "horizon": {"days": 5, "edge": [*ORDERED]}}, "needs 'asks'"),
        ({**asks("exists"), "label": ["x", "regression"]}, "asks 'exists' is a classification, not a regression"),
        ({**asks("count"), "split_rate": [0.8, 0.1, 0.1]}, "'horizon' and 'split_rate' exclude each other"),
        ({**asks("count"), "custom_split_filenames": {"train": "x"}}, "'custom_split_filenames' exclude each other"),
        ({"label": ["", "link_prediction"], "history": {"windows": []}}, "belongs to classification and regression"),
        ({**asks("count"), "history": {"windows": [0]}}, "greater than 0"),
        ({**asks("count"), "history": {"windows": [1], "labels": False, "known_after": 2}}, "'labels' false excludes"),
        (
            {"label": ["x", "regression"], "history": {"windows": []}, "custom_split_filenames": {"train": "x"}},
            "by time",
        ),
        ({"label": ["", "link_prediction"], "horizon": {"days": 5, "asks": "count"}}, "told by 'days' alone"),
    ],
)
def test_a_configuration_says_what_is_wrong_with_a_horizon(label: Label, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        LabelSpec.model_validate(label)


def test_links_within_a_horizon_are_told_by_what_was_there_at_their_date(run: Run) -> None:
    graph = run({"label": ["", "link_prediction"], "horizon": {"days": 5}}, on="Edge")
    (target,) = graph.targets
    split, horizon = graph.splits[target], graph.horizons[target]
    when = {part: sorted(graph.times[ORDERED][getattr(split, part)]) for part in ("train", "valid", "test")}
    day = 86_400.0
    valid, test = graph.cuts[target]
    assert (test - valid) / day == 5
    assert when["train"][-1] < valid <= when["valid"][0] <= when["valid"][-1] < valid + 5 * day
    # of several orders of an item by a user the first counts: three of a, two of b, two of c; i2 of c, i2 of b
    assert [len(when[part]) for part in ("train", "valid", "test")] == [7, 1, 1]
    assert horizon.asked == "which (User)-ORDERED-(Item) come within 5 days"
    problem = LinkProblem.from_graph(graph, target)
    assert problem.train.time is not None
    # each is as old as its date: whoever learns it hears of nothing from that date on
    dates = {str(np.datetime64(int(time), "s"))[5:10] for time in problem.train.time if np.isfinite(time)}
    assert dates <= {"01-01", "01-06", "01-11"}


def test_the_report_shows_dates_counts_and_shares(run: Run, tmp_path: Path) -> None:
    graph = run(asks("exists"))
    report.write_report(tmp_path / "report.html", graph, report.ReportData("a title"), MACHINE)
    page = (tmp_path / "report.html").read_text()
    assert "Whether (User)-ORDERED-(Item) comes within 5 days of a date" in page
    assert "share of true" in page
    row = '<tr><td>2024-01-16</td><td>validation</td><td class="n">3</td><td class="n">0.667</td></tr>'
    assert row in page


def test_what_is_written_is_read_back(run: Run, tmp_path: Path) -> None:
    graph = run(asks("count"))
    (target,) = graph.targets
    horizon = graph.horizons[target]
    again = GraphData.read(tmp_path / "out").horizons[target]
    assert (again.asked, again.days, again.day) == ("how many (User)-ORDERED-(Item) come within 5 days", 5.0, 86_400.0)
    for name in ("dates", "nodes", "times"):
        assert np.array_equal(getattr(again, name), getattr(horizon, name))


def test_which_property_says_when_is_written_for_who_answers_as_of_a_moment(run: Run, tmp_path: Path) -> None:
    run(asks("count"), user_time="joined")
    times = [{"type": "User", "property": "joined"}, {"type": [*ORDERED], "property": "when"}]
    assert GraphData.read(tmp_path / "out").info["times"] == times


def test_times_may_be_milliseconds_or_plain_steps(run: Run, tmp_path: Path) -> None:
    days = [(user, day) for user, several in ORDERS.items() for day in several]
    for unit, first in ((86_400_000, 1_704_067_200_000), (1, 0)):
        rows = "".join(f"{user},i0,{first + (day - 1) * unit}\n" for user, day in days)
        (tmp_path / "orders.csv").write_text("~from,~to,when\n" + rows)
        graph = run(asks("count"))
        (target,) = graph.targets
        # at midnight of each day, the dates are those of the noons but for the end: the newest is the 26th
        assert [len(getattr(graph.splits[target], part)) for part in ("train", "valid", "test")] == [4, 3, 3]
