"""What both formats share: type codes, names of enumerations, strategies and predicates, and the shapes of elements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from workflow.gremlin.semantics.keys import GMap
from workflow.gremlin.semantics.values import (
    DT,
    Barrier,
    Cardinality,
    Column,
    Direction,
    GremlinEnum,
    GType,
    Merge,
    Operator,
    Order,
    Pick,
    Pop,
    ReferenceEdge,
    ReferenceProperty,
    ReferenceVertex,
    Scope,
    T,
)
from workflow.gremlin.traversal import CardinalityValue, Instruction, P, Strategy, Traversal
from workflow.gremlin.wire.messages import UnreadableRequest

INT_RANGE: Final = (-(2**31), 2**31 - 1)
LONG_RANGE: Final = (-(2**63), 2**63 - 1)
MAX_SCALE: Final = 100_000  # a BigDecimal of more digits than this would be arithmetic nobody waits for

ENUM_CODES: Final[dict[type[GremlinEnum], int]] = {
    Barrier: 0x13,
    Cardinality: 0x16,
    Column: 0x17,
    Direction: 0x18,
    Operator: 0x19,
    Order: 0x1A,
    Pick: 0x1B,
    Pop: 0x1C,
    Scope: 0x1F,
    T: 0x20,
    Merge: 0x2E,
    DT: 0x2F,
    GType: 0x30,
}

# spellings of drivers and of older servers, beside the value of each member
ENUM_ALIASES: Final[dict[tuple[type[GremlinEnum], str], GremlinEnum]] = {
    (Direction, "from"): Direction.OUT,
    (Direction, "to"): Direction.IN,
    (Direction, "out"): Direction.OUT,
    (Direction, "in"): Direction.IN,
    (Direction, "both"): Direction.BOTH,
    (Order, "incr"): Order.asc,
    (Order, "decr"): Order.desc,
    (T, "id_"): T.id,
    (T, "value_"): T.value_,
}

PAIRS: Final = frozenset({"between", "inside", "outside"})
LISTS: Final = frozenset({"within", "without"})
CONNECTIVES: Final = frozenset({"and", "or"})


def enum_member(kind: type[GremlinEnum], name: object) -> GremlinEnum:
    """The member that a client spells ``name``; raises UnreadableRequest."""
    try:
        return kind(name)
    except ValueError:
        pass
    alias = ENUM_ALIASES.get((kind, str(name)))
    if alias is None and isinstance(name, str):
        alias = next((m for m in kind if m.name.lower() == name.lower() or m.value == name.rstrip("_")), None)
    if alias is None:
        raise UnreadableRequest(
            f"{name!r} is no {kind.__name__}; expected one of {', '.join(str(m.value) for m in kind)}"
        )
    return alias


def predicate(kind: type[P], name: str, values: list[Any]) -> P:
    """A predicate from the arguments as they travel: collections spread out, pairs as two."""
    if name in LISTS:
        return kind(name, (values,))
    if (name in CONNECTIVES or name == "not") and not all(isinstance(value, P) for value in values):
        raise UnreadableRequest(f"the predicate {name!r} joins predicates, not values")
    if (name in PAIRS or name in CONNECTIVES) and len(values) != 2:
        raise UnreadableRequest(f"the predicate {name!r} takes two arguments, not {len(values)}")
    if name == "not" and len(values) != 1:
        raise UnreadableRequest(f"the predicate 'not' takes one argument, not {len(values)}")
    if name in PAIRS or name in CONNECTIVES:
        return kind(name, tuple(values))
    if len(values) == 1:
        return kind(name, (values[0],))
    return kind(name, (values,))  # eq of a list: its members were spread out


def strategy(class_name: str, configuration: Mapping[Any, Any]) -> Strategy:
    """A strategy by whatever name it came: Java's full class name, or the simple one."""
    conf = dict(configuration)
    # gremlinpython 3.8 wraps the configuration of GraphSON once more, with the class name beside it
    if set(conf) == {"fqcn", "conf"} and isinstance(conf["conf"], Mapping):
        class_name, conf = str(conf["fqcn"]), dict(conf["conf"])
    return Strategy(class_name.rpartition(".")[2], {str(key): value for key, value in conf.items()})


def class_reference(class_name: str) -> Any:
    """A Java class named by a client: a strategy where it is one, else the bare name."""
    simple = class_name.rpartition(".")[2]
    return Strategy(simple, {}) if simple.endswith("Strategy") else class_name


def bytecode(steps: Iterable[Instruction], source: Iterable[Instruction]) -> Traversal | CardinalityValue:
    """A traversal, or the value with a cardinality that drivers disguise as one."""
    sources = tuple(source)
    if len(sources) == 1 and sources[0].name == "CardinalityValueTraversal" and len(sources[0].args) == 2:
        cardinality, value = sources[0].args
        if isinstance(cardinality, Cardinality):
            return CardinalityValue(cardinality, value)
    return Traversal(steps=tuple(steps), source=sources)


_SIMPLE_KEYS: Final = (str, GremlinEnum, ReferenceVertex, ReferenceEdge)


def gremlin_map(pairs: list[tuple[Any, Any]]) -> dict[Any, Any] | GMap:
    """A dict where every key is a name, an enumeration or an element; otherwise a GMap, which tells 1 from true."""
    for key, _ in pairs:
        if not isinstance(key, _SIMPLE_KEYS):
            return GMap(pairs)
    try:
        return dict(pairs)
    except TypeError:  # a reference whose id cannot be hashed
        raise UnreadableRequest("a map has an element as key whose id is a collection") from None


def reference_property(key: str, value: Any, id: Any = None) -> ReferenceProperty:
    return ReferenceProperty(key, value, id)
