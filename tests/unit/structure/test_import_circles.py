"""No module imports, directly or by others, one that imports it: not inside functions, and not for types either."""

from __future__ import annotations

from collections.abc import Iterator

import grimp


def circles(imports: dict[str, set[str]]) -> Iterator[set[str]]:
    """Sets of modules that all reach each other: whatever is left when modules without imports go, then importers."""
    left = {name: set(targets) for name, targets in imports.items()}
    for _ in range(2):  # once from the bottom, once, turned round, from the top
        while bottom := [name for name, targets in left.items() if not targets & left.keys()]:
            for name in bottom:
                del left[name]
        left = {name: {other for other in left if name in left[other]} for name in left}
    while left:
        first = next(iter(left))
        circle = reached(first, left) & {name for name in left if first in reached(name, left)}
        yield circle or {first}
        for name in circle or {first}:
            del left[name]


def reached(start: str, imports: dict[str, set[str]]) -> set[str]:
    """What a module imports, directly or by others."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for name in imports[waiting.pop()] & imports.keys() - found:
            found.add(name)
            waiting.append(name)
    return found


def test_a_circle_is_found() -> None:
    found = list(circles({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set(), "e": {"a"}}))
    assert [circle for circle in found if len(circle) > 1] == [{"b", "c"}]


def test_no_module_of_the_product_imports_itself_by_others() -> None:
    graph = grimp.build_graph("workflow", "training_scripts")
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    assert [circle for circle in circles(imports) if len(circle) > 1] == []
