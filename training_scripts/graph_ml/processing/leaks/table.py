"""All checks, in the order of the report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from .columns import useless
from .drift import drift
from .finding import Finding, Material
from .label_sets import passed_over
from .telling import telling
from .times import future, odd_times
from .twins import copies, loops, twins

#: sentences of one check
MOST = 12

Check = Callable[[Material], Iterator[Finding]]

CHECKS: Mapping[str, Check] = {
    "edge types that repeat the links": twins,
    "copies and opposites": copies,
    "edges from a vertex to itself": loops,
    "columns that tell the label": telling,
    "features that know the future": future,
    "times that cannot be": odd_times,
    "labels that differ": passed_over,
    "columns of no use": useless,
    "parts of the split that differ": drift,
}


def find_leaks(material: Material) -> list[Finding]:
    """What all checks say, each sentence once, at most a dozen of each check: a graph may have hundreds of types."""
    found: list[Finding] = []
    for name, check in CHECKS.items():
        said = list(dict.fromkeys(check(material)))
        said.sort(key=lambda finding: not finding.warns)
        found += said[:MOST]
        if len(said) > MOST:
            found.append(Finding(f"{name}: {len(said) - MOST} more like these", said[MOST].warns))
    return found
