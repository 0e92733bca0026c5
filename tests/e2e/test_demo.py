"""The main job, as a user types it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest


def despina(*arguments: str, timeout_s: float = 400) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "workflow.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    home = tmp_path_factory.mktemp("demo")
    return home, despina("demo", "--home", str(home))


def test_the_demo_names_eight_candidates_for_henry(demo: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    _, done = demo
    assert done.returncode == 0, done.stderr
    people = set(re.findall(r"^u\d\d,User,(\w+),", Path("workflow/datasets/social/nodes.csv").read_text(), re.M))
    candidates = re.findall(r"│\s*(\d)\s*│\s*(\w+)\s*│\s*(0?\.\d+|1|0)\s*│", done.stdout)
    assert [int(rank) for rank, _, _ in candidates] == list(range(1, 9))
    assert {name for _, name, _ in candidates} <= people - {"Henry"}
    scores = [float(score) for _, _, score in candidates]
    assert scores == sorted(scores, reverse=True)


def test_the_demo_proposes_no_friend_henry_has(demo: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    # Henry (u19) has an edge with Alistair, Charlie, Mary, Gary and Arnold; outgoing ones he has none,
    # so what is left out of the answer follows the direction of the query
    _, done = demo
    match = re.search(r"most likely new link\? (\w+)", done.stdout)
    assert match is not None, done.stdout
    assert match.group(1) != "Henry"


def test_the_demo_leaves_a_report_and_nothing_running(demo: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    home, done = demo
    joined = done.stdout.replace("\n", "")
    match = re.search(r"The report:\s*(\S+report\.html)", joined)
    assert match is not None, done.stdout
    page = Path(match.group(1)).read_text()
    assert "<html" in page
    left = [p.info for p in psutil.process_iter(["cmdline"]) if str(home) in " ".join(p.info["cmdline"] or [])]
    assert left == []


def test_the_demo_refuses_a_graph_it_does_not_have(tmp_path: Path) -> None:
    done = despina("demo", "--graph", "facebook", "--home", str(tmp_path))
    assert done.returncode == 1
    assert "no bundled graph 'facebook'; take one of: social, lastfm" in " ".join(done.stderr.split())
