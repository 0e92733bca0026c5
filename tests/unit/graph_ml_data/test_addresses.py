"""A folder goes from one address to another with all that lies below it."""

from __future__ import annotations

from pathlib import Path

import pytest

from training_scripts.graph_ml.addresses import copy_folder
from training_scripts.graph_ml.container import JobError


def test_a_folder_is_fetched_and_left_with_all_its_files(tmp_path: Path) -> None:
    (tmp_path / "export/nodes").mkdir(parents=True)
    (tmp_path / "export/nodes/a b%20.csv").write_text("~id\n1\n")
    (tmp_path / "export/c.json").write_text("{}")
    copy_folder((tmp_path / "export").as_uri(), tmp_path / "fetched")
    assert (tmp_path / "fetched/nodes/a b%20.csv").read_text() == "~id\n1\n"
    copy_folder(tmp_path / "fetched", (tmp_path / "left/deep").as_uri())
    left = sorted(str(path.relative_to(tmp_path / "left/deep")) for path in (tmp_path / "left/deep").rglob("*.*"))
    assert left == ["c.json", "nodes/a b%20.csv"]


@pytest.mark.parametrize("address", ["nowhere://x/y", "not an address", "file:///no/such/folder"])
def test_an_address_that_cannot_be_reached_is_named(address: str, tmp_path: Path) -> None:
    with pytest.raises(JobError, match="cannot copy"):
        copy_folder(address, tmp_path / "there")
