"""Which step has which form, and which steps may run on morsels at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from workflow.gremlin.columns.branching import ChooseForm, CoalesceForm, LocalForm, OptionalForm, UnionForm
from workflow.gremlin.columns.filtering import (
    ConnectiveForm,
    DedupForm,
    DiscardForm,
    HasForm,
    HasKeyForm,
    IsForm,
    TestForm,
    WhereEndForm,
    WhereForm,
    WhereStartForm,
)
from workflow.gremlin.columns.forms import Form, HopLike, MorselChild, SlowForm
from workflow.gremlin.columns.gathering import (
    AggregateForm,
    BarrierForm,
    CodedReduceForm,
    CountForm,
    DegreeCountForm,
    FoldForm,
    OrderForm,
    RangeForm,
    ReduceForm,
)
from workflow.gremlin.columns.grouping import GroupCountForm, GroupForm
from workflow.gremlin.columns.matching import MatchForm
from workflow.gremlin.columns.moving import EndsForm, HopForm, OtherForm, PathFilterForm, PathForm, SourceForm
from workflow.gremlin.columns.repeating import RepeatForm
from workflow.gremlin.columns.shaping import (
    ChildMapForm,
    ConstantForm,
    ProjectForm,
    PropertiesForm,
    SackForm,
    SackValueForm,
    SameForm,
    SelectForm,
    SelectOneForm,
    TokenForm,
    ValueForm,
    ValuesForm,
)
from workflow.gremlin.columns.values import NotColumnar
from workflow.gremlin.running.step import Child, Step
from workflow.gremlin.steps.branching.branch import (
    BranchStep,
    ChooseStep,
    CoalesceStep,
    IfStep,
    LocalStep,
    OptionalStep,
    UnionStep,
)
from workflow.gremlin.steps.branching.repeat import RepeatStep, TimesStep
from workflow.gremlin.steps.choosing.filters import (
    ConnectiveStep,
    DedupStep,
    DiscardStep,
    IdentityStep,
    IsStep,
    NotStep,
    TraversalFilterStep,
)
from workflow.gremlin.steps.choosing.has import HasKeyStep, HasStep
from workflow.gremlin.steps.choosing.match import MatchStep
from workflow.gremlin.steps.choosing.ranges import RangeStep
from workflow.gremlin.steps.choosing.where import (
    WhereEndStep,
    WherePredicateStep,
    WhereStartStep,
    WhereTraversalStep,
)
from workflow.gremlin.steps.facts import FACTS
from workflow.gremlin.steps.gathering.group import GroupCountStep, GroupStep
from workflow.gremlin.steps.gathering.order import OrderStep
from workflow.gremlin.steps.gathering.reduce import CountStep, ExtremeStep, FoldStep, MeanStep, SeededFoldStep, SumStep
from workflow.gremlin.steps.gathering.side_effects import AggregateStep, BarrierStep
from workflow.gremlin.steps.moving.adjacent import AdjacentStep, EndsStep, IncidentStep, OtherVertexStep
from workflow.gremlin.steps.moving.path import PathFilterStep, PathStep
from workflow.gremlin.steps.moving.sources import GraphStep
from workflow.gremlin.steps.shaping.elements import PropertiesStep, TokenStep, ValuesStep
from workflow.gremlin.steps.shaping.maps import (
    ChildFlatMapStep,
    ChildMapStep,
    ConstantStep,
    ProjectStep,
    SackStep,
    SackValueStep,
    SelectOneStep,
    SelectStep,
)
from workflow.gremlin.steps.shaping.value_step import ValueStep

_PLAIN: dict[type[Step], Callable[..., Form]] = {
    GraphStep: SourceForm,
    AdjacentStep: HopForm,
    IncidentStep: HopForm,
    EndsStep: EndsForm,
    OtherVertexStep: OtherForm,
    HasStep: HasForm,
    HasKeyStep: HasKeyForm,
    IsStep: IsForm,
    WhereStartStep: WhereStartForm,
    WhereEndStep: WhereEndForm,
    IdentityStep: SameForm,
    DiscardStep: DiscardForm,
    ValueStep: ValueForm,
    TokenStep: TokenForm,
    ValuesStep: ValuesForm,
    PropertiesStep: PropertiesForm,
    ConstantStep: ConstantForm,
    SackStep: SackForm,
    RangeStep: RangeForm,
    CountStep: CountForm,
    SumStep: CodedReduceForm,
    MeanStep: CodedReduceForm,
    ExtremeStep: CodedReduceForm,
    FoldStep: FoldForm,
    SeededFoldStep: ReduceForm,
    BarrierStep: BarrierForm,
    TimesStep: SlowForm,
}

_WITH_CHILDREN: dict[type[Step], Callable[..., Form]] = {
    TraversalFilterStep: TestForm,
    WhereTraversalStep: TestForm,
    NotStep: TestForm,
    ConnectiveStep: ConnectiveForm,
    WherePredicateStep: WhereForm,
    PathStep: PathForm,
    PathFilterStep: PathFilterForm,
    DedupStep: DedupForm,
    SelectOneStep: SelectOneForm,
    SelectStep: SelectForm,
    ProjectStep: ProjectForm,
    SackValueStep: SackValueForm,
    ChildMapStep: ChildMapForm,
    ChildFlatMapStep: ChildMapForm,
    OrderStep: OrderForm,
    GroupCountStep: GroupCountForm,
    GroupStep: GroupForm,
    AggregateStep: AggregateForm,
    MatchStep: MatchForm,
    UnionStep: UnionForm,
    IfStep: ChooseForm,
    ChooseStep: ChooseForm,
    BranchStep: ChooseForm,
    CoalesceStep: CoalesceForm,
    OptionalStep: OptionalForm,
    LocalStep: LocalForm,
    RepeatStep: RepeatForm,
}


def form_of(step: Step) -> Form:
    """The form of a step; the one for steps that have none where it has none for these arguments."""
    kind = type(step)
    try:
        if kind in _PLAIN:
            return _PLAIN[kind](step)
        if kind in _WITH_CHILDREN:
            return _WITH_CHILDREN[kind](step, child_of)
    except NotColumnar:
        pass
    return SlowForm(step)


def child_of(child: Child) -> MorselChild:
    """The child with its steps on morsels."""
    return MorselChild(child, forms_of(child.steps))


def forms_of(steps: Sequence[Step]) -> list[Form]:
    """The forms of a chain; a count behind a hop is one of degrees."""
    forms: list[Form] = []
    for step in steps:
        form = form_of(step)
        last = forms[-1] if forms else None
        if type(step) is CountStep and isinstance(last, HopLike) and not last.step.tracked:
            forms[-1] = DegreeCountForm(last, step)
        else:
            forms.append(form)
    return forms


# steps whose time, order or number of runs somebody may see, and those whose results depend on how they are cut
_SEEN = frozenset({"timeLimit", "fail", "profile", "inject", "sideEffect", "store", "subgraph", "call", "io"})


def is_silent(step: Step) -> bool:
    """Whether nobody but the steps behind it can see that a step ran, so that it may run ahead of its turn."""
    if type(step) in _PLAIN or (type(step) in _WITH_CHILDREN and not _leaves(step)):
        return _children_silent(step)
    facts = FACTS.get(step.name)
    if facts is None or facts.may_write or facts.leaves != "nothing" or step.name in _SEEN:
        return False
    if facts.family.startswith(".whole_graph"):
        return False
    return _children_silent(step)


def _leaves(step: Step) -> bool:
    return isinstance(step, AggregateStep) and step.lazy


def _children_silent(step: Step) -> bool:
    return all(
        is_silent(inner) and not isinstance(inner, AggregateStep) for child in step.children() for inner in child.steps
    )


def has_form(step: Step) -> bool:
    """Whether a step has a form of its own."""
    return type(step) in _PLAIN or type(step) in _WITH_CHILDREN
