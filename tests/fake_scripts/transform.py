"""A stand-in for model transform: the same model, saying so."""

from __future__ import annotations

import json
import shutil

from behaviour import BASE, misbehave, progress

model, fresh, output = (BASE / "processing" / name for name in ("model", "input", "output"))
misbehave("transform", fresh)
assert (fresh / "manifest.json").exists()
output.mkdir(parents=True, exist_ok=True)
for name in ("metrics.json", "report.html"):
    shutil.copy(model / name, output / name)
description = json.loads((model / "model.json").read_text())
(output / "model.json").write_text(json.dumps({**description, "transformed": True}))
progress("done", 2, 2)
