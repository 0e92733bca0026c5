"""What the commands of the cloud say and hand on; nothing of AWS is called."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from workflow.cli.cloud import costs as costs_command
from workflow.cli.main import app
from workflow.emulator.app import EmulatorSettings
from workflow.runners.sagemaker.costs import PRICES, Cost

runner = CliRunner()
TYPE = "ml.m5.large"


class NoClients:
    def close(self) -> None:
        """Nothing was opened."""


def test_only_what_runs_and_has_a_known_price_goes_on_costing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        Cost("endpoint", "serves", "InService", TYPE, 2, 3600.0, True),
        Cost("training", "ended", "Completed", TYPE, 1, 7200.0, False),
        Cost("endpoint", "unknown", "InService", "ml.of.nobody", 1, 3600.0, True),
    ]
    monkeypatch.setattr("workflow.drivers.open_clients", lambda settings: NoClients())
    monkeypatch.setattr("workflow.runners.sagemaker.costs.costs", lambda clients, *, running: found)
    monkeypatch.setattr(costs_command, "_stacks", lambda: (["despina-net"], ""))
    document = json.loads(runner.invoke(app, ["costs", "--json"]).stdout)
    # two machines for an hour and one for two; an hour of the two goes on
    assert document["dollars"] == pytest.approx(4 * PRICES[TYPE])
    assert document["hourly"] == pytest.approx(2 * PRICES[TYPE])
    assert document["stacks"] == ["despina-net"]
    assert [row["dollars"] for row in document["costs"]][2] is None
    said = runner.invoke(app, ["costs"]).stdout
    assert f"${2 * PRICES[TYPE]:.2f} an hour goes on" in said
    assert "the stack despina-net goes on costing" in said


@pytest.mark.parametrize(("word", "isolation"), [("namespace", "namespace"), ("prefix", "prefix"), (None, None)])
def test_how_jobs_of_the_emulator_are_isolated_may_be_chosen(
    word: str | None, isolation: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[EmulatorSettings] = []
    monkeypatch.setattr("workflow.emulator.app.run", lambda settings, on_ready: begun.append(settings))
    words = [] if word is None else ["--isolation", word]
    result = runner.invoke(app, ["emulator", "--home", str(tmp_path), "--threads", "3", *words])
    assert result.exit_code == 0, result.output
    assert [(settings.isolation, settings.threads) for settings in begun] == [(isolation, 3)]


def test_no_other_isolation_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Any] = []
    monkeypatch.setattr("workflow.emulator.app.run", lambda settings, on_ready: begun.append(settings))
    result = runner.invoke(app, ["emulator", "--isolation", "walls"])
    assert (result.exit_code, begun) == (2, [])
