"""Times as people and databases write them, and what is said of those that cannot be."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from training_scripts.graph_ml.container import JobError, ProgressWriter
from training_scripts.graph_ml.features import BadValue, TextColumn
from training_scripts.graph_ml.graph import GraphData, dgl_file
from training_scripts.graph_ml.predict.earlier import time_of
from training_scripts.graph_ml.processing import job
from training_scripts.graph_ml.processing.times.moments import moments, told
from training_scripts.graph_ml.schemas.times import TimeReading, moment
from workflow.predictions.moments import came, moment_of

DAY = 86_400.0
#: 1 March 2024, 10:45:30 UTC, as ``date -u -d 2024-03-01T10:45:30Z +%s`` says
WHEN = 1_709_289_930.0


@pytest.mark.parametrize(
    "text",
    [
        "2024-03-01T10:45:30Z",
        "2024-03-01t10:45:30z",
        " 2024-03-01 10:45:30 ",
        "2024-03-01T10:45:30+00",
        "2024-03-01T12:45:30+02:00",
        "2024-03-01T05:45:30-0500",
        "2024-03-01 10:45:30 UTC",
        "2024/03/01 10:45:30 AM",
        "1 Mar 2024 12:45:30 +0200",
        "March 1, 2024 10:45:30 AM",
        "1.3.2024 10:45:30",
    ],
)
def test_a_moment_in_any_spelling_is_the_same_to_the_second(text: str) -> None:
    # the minute counts: what came at 10:45 is no past of 10:30
    times, day, _ = moments(TextColumn([text, None]))
    assert (times.tolist(), day) == ([WHEN, float("-inf")], DAY)


@pytest.mark.parametrize("ticks", [1, 1e3, 1e6, 1e9])
def test_numbers_are_seconds_down_to_nanoseconds(ticks: float) -> None:
    times, day, _ = moments(TextColumn([f"{WHEN * ticks:.0f}", f"{(WHEN + 10) * ticks:.0f}"]))
    assert (times.tolist(), day) == ([WHEN, WHEN + 10], DAY)
    assert moment_of(WHEN * ticks, "asOf") == WHEN


@pytest.mark.parametrize("ticks", [1, 1e3, 1e6, 1e9])
def test_one_number_is_read_as_those_of_a_column_are(ticks: float) -> None:
    # 1612111200000 is a day of 1612 for datetime.fromisoformat, and 31 January 2021, 16:40, in milliseconds
    when = 1_612_111_200.0
    assert moment(f"{when * ticks:.0f}") == moments(TextColumn([f"{when * ticks:.0f}"]))[0][0] == when
    assert came(f"{when * ticks:.0f}") == came(int(when * ticks)) == when


@pytest.mark.parametrize(
    "text", ["2024-03-01T10:45:30Z", "20240301", "1709289930", "1709289930000", "7", "0.5", "2020"]
)
def test_what_the_service_leaves_out_as_later_is_what_the_endpoint_does(text: str) -> None:
    assert came(text) == came([text]) == time_of(text) == time_of([text])


@pytest.mark.parametrize(
    "column",
    [
        ["31/12/2020", "01/02/2021", "1/2/2021 10:30"],
        ["12/31/2020", "01/02/2021"],
        ["31.12.2020", "01-02-2021"],
        ["1 Mar 2024 12:45:30 +0200", "March 1, 2024 10:45:30 AM"],
        ["2024/03/01 10:45:30 AM", "2024-03-01T10:45:30+00", "20240301"],
        ["2024-03-01t10:45:30z", "1709289930", "2024-03-01 10:45:30 UTC"],
        ["20240131", "20240201"],
        ["20240131", "20240230"],
        ["1709289930000", "50000000000"],
        ["1709289930", "5"],
        ["1709289930000000", "1e11"],
        ["2020", "2021.5"],
        [" 7 ", "-3"],
    ],
)
def test_processing_endpoint_and_service_read_a_column_alike(column: list[str]) -> None:
    # each by itself, with no more than what the model says of the column
    times, _, found = moments(TextColumn(list(column)))
    reading = TimeReading.model_validate(found.model_dump(mode="json"))
    for text, when in zip(column, times.tolist(), strict=True):
        assert (
            time_of(text, reading) == time_of([text], reading) == came(text, reading) == came([text], reading) == when
        )
    for number in column:
        if number.strip().isdecimal():  # the service has numbers of a graph as numbers
            assert came(int(number), reading) == came(number, reading)


@pytest.mark.parametrize(("text", "day"), [("31/12/2020", 18_627), ("12/31/2020", 18_627), ("01/02/2021", 18_629)])
def test_a_date_that_stands_alone_is_read_by_what_can_be_no_month(text: str, day: int) -> None:
    # days since 1970, as ``date -u -d 2020-12-31 +%s`` says; of 1/2 the month comes first
    assert moment(text) == came(text) == time_of(text) == moment_of(text, "asOf") == day * DAY


def test_a_time_that_cannot_be_read_was_there_at_no_moment_and_none_at_every() -> None:
    for read in (came, time_of):
        assert (read("someday"), read(None), read([])) == (float("inf"), float("-inf"), float("-inf"))
    assert (came(20240301), came(True), came("nan")) == (1_709_251_200.0, float("inf"), float("inf"))


def test_numbers_that_are_all_dates_are_dates_and_others_are_steps() -> None:
    # between 31 January and 1 February lies a day, and not 70
    times, day, _ = moments(TextColumn(["20240131", None, "20240201"]))
    assert (times[2] - times[0], day) == (DAY, DAY)
    assert moments(TextColumn(["20240131", "20240230"]))[1] == 1.0  # there is no such day


@pytest.mark.parametrize("text", ["soon", "inf", "nan and more", "2024-02-30", "-0044-03-15"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(BadValue, match="neither a date"):
        moments(TextColumn(["2024-03-01", text]))


def test_a_moment_beyond_all_calendars_is_shown_as_a_number() -> None:
    assert (told(-1.7e14, DAY), told(2.0e14, DAY)) == ("-1.7e+14", "2e+14")


@pytest.fixture
def process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(dgl_file, "available", lambda: False)
    monkeypatch.setattr(job, "write_report", lambda *of: None)

    def run(times: Sequence[str], born: str = "", **label: Any) -> GraphData:
        (tmp_path / "v.csv").write_text("~id,born\n" + "".join(f"v{i},{born}\n" for i in range(20)))
        rows = "".join(f'v{i % 20},v{(i * 7 + 3) % 20},"{when}"\n' for i, when in enumerate(times))
        (tmp_path / "e.csv").write_text("~from,~to,at\n" + rows)
        for name in ("v.csv", "e.csv"):  # exported on 1 June 2024
            os.utime(tmp_path / name, (1_717_200_000, 1_717_200_000))
        ends: dict[str, Any] = {"source": ["~from", "V"], "relation": ["", "R"], "dest": ["~to", "V"]}
        labels = [{"label": ["", "link_prediction"], **(label or {"split_rate": [0.6, 0.2, 0.2]})}]
        edge = {"file_name": "e.csv", **ends, "time": "at", "labels": labels}
        node = {"file_name": "v.csv", "node": ["~id", "V"], **({"time": "born"} if born else {})}
        (tmp_path / "c.json").write_text(json.dumps({"graph": {"nodes": [node], "edges": [edge]}}))
        asked = job.ProcessingJob(input=tmp_path, output=tmp_path / "out", config_file_name="c.json")
        return job.process(asked, ProgressWriter(tmp_path / "progress.json"), lambda line: None)

    return run


DAYS = [f"2024-01-{1 + i:02}" for i in range(20)]


def test_dates_of_a_split_and_a_query_are_read_as_those_of_the_column(process: Any) -> None:
    # 1/2 is in February, as 13/1 tells; 25/1 would be told without it, 1/2 would not
    times = [f"{1 + i % 31}/{1 + i // 31}/2024" for i in range(40)]
    graph = process(times, split_dates=["25/1/2024", "1/2/2024"])
    ((first, second),) = graph.cuts.values()
    assert (told(first, DAY), told(second, DAY)) == ("2024-01-25", "2024-02-01")
    assert graph.info["times"] == [{"type": ["V", "R", "V"], "property": "at", "day_first": True}]


@pytest.mark.parametrize(
    ("times", "more", "sentence"),
    [
        ([""] * 20, {}, "cannot be split by time: none of its 20 items has one"),
        (["2024-01-01"] * 20, {}, "none is older than 2024-01-01, and all have the time 2024-01-01"),
        (DAYS, {"split_dates": ["2020-01-01", "2021-01-01"]}, "they came from 2024-01-01 to 2024-01-20"),
        (DAYS, {"split_dates": ["soon", "later"]}, "the 'split_dates' of link_prediction .* 'soon' is neither a date"),
        (DAYS, {"horizon": {"days": 1e9}}, "the first edge came at 2024-01-01"),
        ([str(i) for i in range(20)], {"born": "2024-01-01"}, "cannot be compared, for the ones are dates"),
    ],
)
def test_times_that_cannot_split_are_refused_in_a_sentence(
    times: list[str], more: dict[str, Any], sentence: str, process: Any
) -> None:
    with pytest.raises(JobError, match=sentence):
        process(times, **more)


@pytest.mark.parametrize(
    ("times", "more", "sentence"),
    [
        (
            ["9999-12-31", *DAYS[1:]],
            {},
            "1 of 20 times of (V)-R-(V) lie after the export of 2024-06-01",
        ),
        (DAYS, {"split_dates": ["2024-01-10", "2030-01-01"]}, "leaves nothing to test from 2030-01-01 on"),
        (
            DAYS,
            {"split_dates": ["2030-01-01", "2029-01-01"]},
            "nothing to validate from 2029-01-01 on",
        ),
    ],
)
def test_times_that_split_oddly_are_warned_of(
    times: list[str], more: dict[str, Any], sentence: str, process: Any
) -> None:
    assert any(sentence in warning for warning in process(times, **more).warnings)


def test_parts_that_nobody_asked_for_are_not_missed(process: Any) -> None:
    assert process(DAYS, split_rate=[0.8, 0.0, 0.2]).warnings == []
