"""The mutation run changes what it says it changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants import draw, mutants, nearest_tests


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        ("x = a == b\n", "x = a != b\n"),
        ("x = a < 3\n", "x = a <= 3\n"),
        ("x = a and b\n", "x = a or b\n"),
        ("x = a + b\n", "x = a - b\n"),
        ("x = not a\n", "x = bool(a)\n"),
        ("x = True\n", "x = False\n"),
        ("MOST = 5\n", "MOST = 6\n"),
        ("if a:\n    b = c\n", "if (not (a)):\n    b = c\n"),
        ("def f(a):\n    return a.b\n", "def f(a):\n    return None\n"),
        ('NAMES = ("rgcn", "transe", "rotate")\n', 'NAMES = ("rgcn", "rotate")\n'),
        ('KIND = {\n    "a": 1,\n    "b": 2,\n}\n', 'KIND = {\n    \n    "b": 2,\n}\n'),
        ("f(a, read_only=b)\n", "f(a)\n"),
        ("graph.lock()\n", "None\n"),
    ],
)
def test_a_kind_of_change_is_made(source: str, changed: str) -> None:
    assert changed in [mutant.applied(source) for mutant in mutants(source)]


def test_no_change_is_made_to_words_for_people() -> None:
    assert mutants('"""A module of 3 lines."""\n\n\ndef f():\n    """Nothing but 1."""\n') == []


def test_every_change_parses_and_changes_one_line() -> None:
    source = Path(__file__).read_text()
    for mutant in mutants(source):
        before, after = source.splitlines(), mutant.applied(source).splitlines()
        assert len([1 for old, new in zip(before, after, strict=True) if old != new]) == 1
        compile(mutant.applied(source), "mutant", "exec")


def test_a_draw_is_repeatable_and_takes_a_line_once(tmp_path: Path) -> None:
    (tmp_path / "room").mkdir()
    (tmp_path / "room/a.py").write_text("".join(f"x{n} = a == {n}\n" for n in range(30)))
    drawn = draw(tmp_path, "room", 25, seed=1)
    assert drawn == draw(tmp_path, "room", 25, seed=1)
    assert len({mutant.line for _, mutant in drawn}) == 25
    assert drawn != draw(tmp_path, "room", 25, seed=2)


def test_the_nearest_tests_are_those_that_import_the_module() -> None:
    root = Path(__file__).resolve().parents[3]
    found = nearest_tests(root, Path("workflow/errors.py"))
    assert found
    assert all("workflow.errors" in (root / name).read_text() for name in found)
