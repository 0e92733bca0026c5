"""The questions of ``book.py``: kinds of Gremlin people write on the air routes, each kind in several forms."""

from __future__ import annotations

from collections.abc import Iterator

AIRPORTS = ("OSL", "KEF", "WLG")
"""One busy, one middling and one remote airport, put where a form says ``{a}``."""

FORMS: dict[str, tuple[str, ...]] = {
    "early limit behind paths": (
        "g.V().has('code','{a}').out().out().path().by('city').limit(12)",
        "g.V().has('code','{a}').out('route').out('route').out('route').path().by('code').limit(20)",
        "g.V().has('code','{a}').repeat(out().simplePath()).emit(has('code','NRT')).path().by('code').limit(8)",
        "g.V().has('code','{a}').repeat(out('route')).until(cyclicPath()).limit(8).path()",
        "g.V().has('code','{a}').repeat(out('route').simplePath()).until(has('code','HND')).limit(5).path().by('code')",
        "g.withSack(0).V().has('code','{a}').repeat(outE('route').sack(sum).by('dist').inV()).until(sack().is(gt(9000)))"
        ".limit(4)",
        "g.withSack(0).V().has('code','{a}').repeat(outE('route').sack(sum).by('dist').inV().simplePath()).times(2)"
        ".limit(6).project('p','d').by(path().by('code').by('dist')).by(sack())",
    ),
    "long or many paths": (
        "g.V().has('code','{a}').out().out().out().has('code','TRD').path().by('code')",
        "g.V().has('code','{a}').out('route').out('route').path().by('code')",
        "g.V().has('code','{a}').outE('route').inV().outE('route').inV().has('code','SYD').path().by('code').by('dist')",
        "g.V().outE().has('dist',gt(7500)).inV().path().by('code').by('dist')",
        "g.V().out().cyclicPath().path()",
        "g.V().has('region','NO-03').out().in().simplePath().path().by('code')",
        "g.V().has('code','{a}').repeat(both('route').simplePath()).times(2).path().by('city').count()",
    ),
    "labels, select, where": (
        "g.V().as('s').outE().has('dist',gt(7500)).inV().as('t').where('s',lt('t')).by('code').select('s','t').by('code')",
        "g.V().has('code','{a}').as('s').out('route').as('t').select('s','t').by('code').by('city')",
        "g.V().has('code','{a}').as('s').out('route').out('route').where(neq('s')).values('code').dedup()",
        "g.V().has('code','{a}').as('s').out('route').as('m').out('route').as('t').where('m',neq('t'))"
        ".select('s','m','t').by('code').limit(30)",
        "g.V().as('x').out().as('y').groupCount().by(select('x','y').by('region'))",
        "g.V().hasLabel('airport').as('a').in('contains').has('code','EU').select('a').out().has('country','JP')"
        ".select('a').dedup()",
        "g.V().has('code','{a}').as('s').outE('route').as('e').inV().as('t').select('e').by('dist').order().limit(5)",
        "g.V().has('code','{a}').out('route').as('t').in('contains').hasLabel('country').as('c').select('t','c')"
        ".by('code').by('desc')",
        "g.V().has('code','{a}').as('s').out('route').where(gt('s')).by('runways').values('code')",
    ),
    "joins by mid-traversal V()": (
        "g.V().has('code','{a}').values('region').as('r').V().hasLabel('airport').as('b').values('region')"
        ".where(eq('r')).select('b')",
        "g.V().has('code','{a}').as('x').V().has('code','SIN').as('y').select('x','y').by('city')",
        "g.V().has('code','{a}').values('runways').as('r').V().hasLabel('airport').as('b').where(eq('r')).by('runways')"
        ".by().count()",
        "g.V().has('code','{a}').as('h').V().hasLabel('airport').where(eq('h')).by('country').values('code')",
    ),
    "match": (
        "g.V().match(__.as('a').out().as('b'), __.not(__.as('b').out().as('a'))).count()",
        "g.V().has('code','{a}').match(__.as('a').out('route').as('b'), __.not(__.as('b').out('route').as('a')))"
        ".select('b').by('code')",
        "g.V().has('code','{a}').match(__.as('a').out('route').as('b'), __.as('b').out('route').as('c'),"
        " __.as('c').has('code','SIN')).select('b').by('code').dedup()",
        "g.V().hasLabel('country').match(__.as('c').values('code').is('NO'), __.as('c').out('contains').as('p'),"
        " __.as('p').has('runways',gt(1))).select('p').by('code')",
        "g.V().match(__.as('a').has('code','{a}'), __.as('a').out('route').as('b'),"
        " __.as('b').values('runways').is(gt(4))).select('b').by('code')",
    ),
    "child per vertex": (
        "g.V().hasLabel('airport').local(both('route').count()).mean()",
        "g.V().not(inE())",
        "g.V().hasLabel('airport').not(bothE('route'))",
        "g.V().where(out('route').count().is(gt(55)))",
        "g.V().hasLabel('airport').where(outE('route').has('dist',gt(7000))).values('code')",
        "g.V().hasLabel('airport').order().by(inE('route').count(),desc).limit(10)",
        "g.V().hasLabel('country').project('c','n').by('code').by(out('contains').count()).limit(50)",
        "g.V().hasLabel('airport').filter(out('route').has('country','NO')).count()",
        "g.V().hasLabel('country').order().by(out('contains').count(),desc).limit(5)"
        ".project('c','n').by('desc').by(out('contains').count())",
        "g.V().hasLabel('airport').local(out('route').limit(1)).count()",
        "g.V().has('code','{a}').out('route').map(out('route').count()).max()",
        "g.V().has('code','{a}').out('route').flatMap(outE('route').order().by('dist',desc).limit(1)).values('dist')",
        "g.V().hasLabel('continent').local(out('contains').order().by('code').limit(2)).values('code')",
    ),
    "and, or, not": (
        "g.V().and(has('code','{a}'),has('icao'))",
        "g.V().has('code','{a}').and().has('runways',gt(1))",
        "g.V().hasLabel('airport').or(has('region','NO-03'),has('region','SE-AB'),has('region','DK-84'))",
        "g.V().hasLabel('airport').and(has('runways',gt(3)),__.not(has('country','US'))).values('code')",
        "g.V().hasLabel('airport').or(has('elev',gt(12000)),has('elev',lt(-50))).values('city')",
        "g.V().hasLabel('airport').not(has('country',within('US','CA','MX'))).count()",
        "g.V().hasLabel('airport').where(__.not(out('route').has('country','US'))).count()",
        "g.V().hasLabel('airport').has('runways',gt(2).and(lt(5))).count()",
    ),
    "predicates on text": (
        "g.V().has('city',TextP.regex('^Os.*')).values('city')",
        "g.V().or(has('city',TextP.startingWith('os')),has('city',TextP.startingWith('Os'))).values('code')",
        "g.V().has('city',TextP.containing('slo')).values('city')",
        "g.V().hasLabel('airport').has('desc',TextP.endingWith('International Airport')).count()",
        "g.V().hasLabel('airport').has('city',TextP.notStartingWith('S')).count()",
        "g.V().hasLabel('airport').has('desc',TextP.containing('field')).values('desc')",
        "g.V().hasLabel('airport').values('city').is(TextP.startingWith('San ')).dedup()",
    ),
    "neq, without after a hop": (
        "g.V().has('code','{a}').out().has('code',without('ARN','CPH')).out().has('code','AKL').path().by('code')",
        "g.V().has('code','{a}').out('route').has('country',neq('US')).values('code')",
        "g.V().has('code','{a}').out('route').out('route').has('country',without('US','GB','DE')).dedup().count()",
        "g.V().has('code','{a}').outE('route').has('dist',neq(100)).inV().values('city').dedup()",
    ),
    "properties() scans": (
        "g.V().properties().hasValue('Oslo')",
        "g.V().hasLabel('airport').properties('runways','longest').group().by(key).by(value().sum())",
        "g.V().hasLabel('airport').properties().key().groupCount()",
        "g.V().has('code','{a}').properties().value()",
        "g.V().properties('city').hasValue(TextP.startingWith('Reyk')).value()",
        "g.V().hasLabel('country').properties('desc').value().limit(40)",
        "g.E().properties('dist').value().max()",
    ),
    "aggregate, then without": (
        "g.V().has('code','{a}').out().aggregate('direct').out().where(without('direct')).dedup().count()",
        "g.V().has('code','{a}').aggregate('x').out('route').where(without('x')).out('route').where(without('x'))"
        ".dedup().values('code')",
        "g.V().has('code','{a}').out('route').aggregate('n').cap('n').unfold().values('code')",
        "g.V().has('code','{a}').out('route').has('country','GB').aggregate('uk').in('route').where(within('uk'))"
        ".dedup().count()",
    ),
    "repeat with dedup": (
        "g.V().has('code','{a}').repeat(out().dedup()).until(has('code','MCM')).path().by('code')",
        "g.V().has('code','{a}').repeat(out('route').dedup()).times(3).count()",
        "g.V().has('code','{a}').emit().repeat(out('route').dedup()).times(2).count()",
        "g.V().has('code','{a}').repeat(out('route').dedup()).emit().times(2).values('code')",
    ),
    "repeat": (
        "g.V().has('code','{a}').repeat(in('contains')).emit().values('code')",
        "g.V().has('code','{a}').repeat(out('route')).times(2).dedup().count()",
        "g.V().has('code','{a}').repeat(out('route').simplePath()).times(2).path().by('code').limit(10)",
        "g.V().has('code','{a}').repeat(out('route')).until(has('country','NZ').or().loops().is(3)).limit(20)"
        ".values('code')",
        "g.V().has('code','{a}').until(has('country','CL')).repeat(out('route').simplePath()).limit(3).path().by('code')",
        "g.V().has('code','{a}').repeat(out('route').where(has('runways',gt(4)))).times(2).values('code').dedup()",
    ),
    "sack from a property": (
        "g.V().sack(assign).by(constant(1)).has('code','{a}').out().values('runways').sack(sum).sack()",
        "g.withSack(0).V().has('code','{a}').outE('route').sack(sum).by('dist').inV().sack().max()",
        "g.withSack(0).V().has('code','{a}').outE('route').sack(sum).by('dist').inV().outE('route').sack(sum).by('dist')"
        ".inV().has('code','SIN').sack().order().limit(3)",
        "g.V().has('code','{a}').out('route').sack(assign).by('runways').sack(mult).by(constant(10)).sack()",
    ),
    "ranges of ids": (
        "g.V().hasId(between(1,50)).out().hasId(lte(49)).count()",
        "g.V().hasId(gt(3700)).values('code')",
        "g.V().hasId(between(100,200)).has('country','US').count()",
        "g.V().hasId(within(1,2,3,4,5)).out('route').hasId(lt(10)).path()",
    ),
    "union of reductions": (
        "g.V().hasLabel('airport').union(count(),out('route').count()).fold()",
        "g.V().has('code','{a}').union(out('route').count(),in('route').count())",
        "g.V().has('code','{a}').union(out('route'),in('contains')).values('code')",
        "g.V().has('code','{a}').out('route').union(values('code'),values('city')).limit(20)",
        "g.V().hasLabel('airport').union(values('runways').max(),values('runways').min(),values('elev').mean())",
    ),
    "group by a child": (
        "g.V().hasLabel('airport').where(out().count().is(gt(200))).group().by('code').by(outE().count())",
        "g.V().hasLabel('airport').group().by('country').by('code').unfold().limit(5)",
        "g.V().hasLabel('airport').group().by('region').by(count()).order(local).by(values,desc).limit(local,5)",
        "g.V().has('code','{a}').out('route').group().by('country').by(values('city').fold())",
        "g.V().has('code','{a}').out('route').group().by(out('route').count()).by('code')",
        "g.V().hasLabel('airport').group().by('runways').by(values('longest').mean())",
        "g.V().has('code','{a}').out('route').groupCount().by('country').order(local).by(values,desc)",
        "g.V().has('code','{a}').outE('route').group().by(inV().values('country')).by(values('dist').max())",
    ),
    "order and extremes": (
        "g.E().hasLabel('route').as('e').values('dist').max().select('e')",
        "g.E().hasLabel('route').order().by('dist',desc).limit(5).project('f','t','d').by(outV().values('code'))"
        ".by(inV().values('code')).by('dist')",
        "g.V().hasLabel('airport').order().by('country').by('city',desc).values('code').limit(20)",
        "g.V().has('code','{a}').out('route').order().by('city').values('city')",
        "g.V().has('code','{a}').outE('route').order().by('dist').limit(3).inV().values('code')",
        "g.V().has('code','{a}').out('route').values('elev').order().tail(3)",
    ),
    "sample inside repeat": (
        "g.V().has('code','{a}').repeat(bothE('route').sample(1).by('dist').otherV()).times(5).path().by('code')",
        "g.V().has('code','{a}').repeat(local(out('route').sample(1))).times(4).path().by('code')",
    ),
    "choose, coalesce, optional": (
        "g.V().hasLabel('airport').choose(has('runways',4),groupCount('m').by(constant('four')))",
        "g.V().has('code','{a}').out('route').choose(values('runways')).option(1,constant('one')).option(2,constant('two'))"
        ".option(none,constant('many')).groupCount()",
        "g.V().has('code','{a}').out('route').coalesce(has('country','NO').values('city'),constant('abroad')).groupCount()",
        "g.V().has('code','{a}').out('route').choose(has('runways',gt(2)),values('city'),values('code'))",
        "g.V().hasLabel('airport').limit(300).optional(out('route').has('country','IS')).values('code')",
    ),
    "maps of properties": (
        "g.V().has('code','{a}').out('route').valueMap('code','city')",
        "g.V().has('code','{a}').out('route').elementMap('code')",
        "g.V().has('code','{a}').out('route').project('code','city','runways').by('code').by('city').by('runways')",
        "g.V().has('code','{a}').outE('route').limit(30).project('to','km').by(inV().values('code'))"
        ".by(values('dist').math('_ * 1.609'))",
    ),
    "point look-ups": (
        "g.V(3).outE().count()",
        "g.V(3).out().count().math('_ / 2')",
        "g.V(3).coalesce(out('none'),values('code'))",
        "g.V(3).valueMap().select(values)",
        "g.V().has('code','{a}').values('city')",
        "g.V(3).out('route').has('code','{a}')",
        "g.V().has('code','{a}').out('route').count()",
    ),
    "counts and scans": (
        "g.V().groupCount().by(label)",
        "g.V().hasLabel('airport').has('runways',gt(5)).count()",
        "g.V().has('code','{a}').out('route').out('route').count()",
        "g.V().hasLabel('airport').values('runways').mean()",
        "g.V().hasLabel('airport').groupCount().by('country')",
        "g.E().has('dist',gt(4000)).count()",
    ),
}


def _questions() -> Iterator[tuple[str, str]]:
    for kind, forms in FORMS.items():
        for form in forms:
            for airport in AIRPORTS if "{a}" in form else AIRPORTS[:1]:
                yield kind, form.replace("{a}", airport)


QUESTIONS: tuple[tuple[str, str], ...] = tuple(_questions())
"""(kind, traversal as text)."""
