"""The page that compares the trials of a search: which family won, by how much, and what each trial cost."""

from __future__ import annotations

from typing import Any

from workflow.hpo.results import Trial, best
from workflow.runners.base import Tuned, Tuning
from workflow.runners.failures import size

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ name }}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem; color: #1c2430; }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .35rem .6rem; vertical-align: top }
th { border-bottom: 2px solid #c6ccd6 } td { border-bottom: 1px solid #e6e9ee } td.n { text-align: right }
tr.best td { background: #e9f6ec; font-weight: 600 } tr.failed td { color: #9a3324 }
.bar { background: #4a7fb5; height: .9rem; border-radius: 2px } code { font-size: .85em; color: #445 }
</style></head><body>
<h1>{{ name }}</h1>
<p><strong>{{ verdict }}</strong></p>
<p>{{ trials|length }} trials, {{ parallel }} at a time, {{ "%.0f"|format(wall_s) }} s in all, peak memory of one trial
{{ peak }}. Objective: {{ direction }} validation {{ metric }}. Seed {{ seed }}.
The winner's own report is <a href="model-report.html">model-report.html</a>.</p>
<h2>Families</h2>
<table><tr><th>family</th><th>best validation {{ metric }}</th><th></th><th>trials</th><th>fastest</th></tr>
{% for row in families %}<tr{% if row.won %} class="best"{% endif %}><td>{{ row.family }}</td>
<td class="n">{{ "%.4f"|format(row.value) if row.value is not none else "–" }}</td>
<td style="width:40%"><div class="bar" style="width:{{ row.width }}%"></div></td>
<td class="n">{{ row.count }}</td><td class="n">{{ "%.1f s"|format(row.fastest) }}</td></tr>
{% endfor %}</table>
<h2>Trials</h2>
<table><tr><th>#</th><th>family</th><th>state</th><th>validation {{ metric }}</th><th>time</th><th>peak memory</th>
<th>proposed</th><th>hyperparameters</th></tr>
{% for trial in trials %}
<tr{% if trial.won %} class="best"{% elif trial.state != "Completed" %} class="failed"{% endif %}>
<td class="n">{{ trial.number }}</td><td>{{ trial.family }}</td><td>{{ trial.state }}</td>
<td class="n">{{ "%.4f"|format(trial.value) if trial.value is not none else "–" }}</td>
<td class="n">{{ "%.1f s"|format(trial.wall_s) }}</td><td class="n">{{ trial.peak }}</td><td>{{ trial.origin }}</td>
<td><code>{{ trial.chosen }}</code>{% if trial.reason %}<br>{{ trial.reason }}{% endif %}</td></tr>
{% endfor %}</table>
{% if figures %}<h2>Figures of the winner</h2>
<table><tr><th>figure</th><th>value</th></tr>
{% for label, value in figures %}<tr><td>{{ label }}</td><td class="n">{{ "%.4f"|format(value) }}</td></tr>{% endfor %}
</table>{% endif %}
</body></html>
"""


def render(tuning: Tuning, tuned: Tuned) -> str:
    """One self-contained HTML page."""
    from jinja2 import (
        Environment,
        select_autoescape,
    )  # a quarter of a second that the start of the service can do without

    environment = Environment(autoescape=select_autoescape(default=True, default_for_string=True))
    families = [_family(name, tuned, tuning) for name in dict.fromkeys(trial.family for trial in tuned.trials)]
    top = max((abs(row["value"]) for row in families if row["value"] is not None), default=0.0) or 1.0
    for row in families:
        row["width"] = round(100 * abs(row["value"] or 0.0) / top, 1)
    sign = 1 if tuning.direction == "minimize" else -1
    families.sort(key=lambda row: (row["value"] is None, sign * (row["value"] or 0.0)))
    return environment.from_string(_PAGE).render(
        name=tuning.name,
        verdict=tuned.verdict,
        parallel=tuning.parallel,
        wall_s=tuned.wall_s,
        peak=size(tuned.peak_memory_bytes),
        direction=tuning.direction,
        metric=tuning.metric,
        seed=tuning.seed,
        families=families,
        trials=[_row(trial, trial.number == tuned.best.number) for trial in tuned.trials],
        figures=sorted(tuned.best.metrics.items()),
    )


def _family(name: str, tuned: Tuned, tuning: Tuning) -> dict[str, Any]:
    trials = [trial for trial in tuned.trials if trial.family == name]
    top = best(trials, tuning.direction)
    return {
        "family": name or "–",
        "won": tuned.best.family == name,
        "value": None if top is None else top.value,
        "count": len(trials),
        "fastest": min(trial.wall_s for trial in trials),
    }


def _row(trial: Trial, won: bool) -> dict[str, Any]:
    # a parameter of some families is sampled as name@families
    chosen = {name.split("@")[0]: value for name, value in trial.sample.items() if name != "model"}
    return {
        "number": trial.number,
        "family": trial.family or "–",
        "state": trial.state,
        "value": trial.value,
        "wall_s": trial.wall_s,
        "peak": size(trial.peak_memory_bytes),
        "origin": trial.origin,
        "chosen": ", ".join(f"{name}={_short(value)}" for name, value in chosen.items()) or "as configured",
        "reason": trial.reason,
        "won": won,
    }


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
