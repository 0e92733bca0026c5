"""LDBC's social network: its graph as statements of openCypher, and its complex and short reads from the paper.

Source: "The LDBC Social Network Benchmark", arXiv 2001.02299, interactive workload; the tiny instance of its data set.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

BATCH: Final = 2000
NODES: Final = {
    "static/place": "Place", "static/tag": "Tag", "static/tagclass": "TagClass", "static/organisation": "Organisation",
    "dynamic/person": "Person", "dynamic/forum": "Forum", "dynamic/post": "Message:Post",
    "dynamic/comment": "Message:Comment",
}  # fmt: skip
"""The file of each kind of node, and its labels."""

EDGES: Final = {
    "static/place_isPartOf_place": ("Place", "IS_PART_OF", "Place"),
    "static/tag_hasType_tagclass": ("Tag", "HAS_TYPE", "TagClass"),
    "static/tagclass_isSubclassOf_tagclass": ("TagClass", "IS_SUBCLASS_OF", "TagClass"),
    "static/organisation_isLocatedIn_place": ("Organisation", "IS_LOCATED_IN", "Place"),
    "dynamic/person_isLocatedIn_place": ("Person", "IS_LOCATED_IN", "Place"),
    "dynamic/person_knows_person": ("Person", "KNOWS", "Person"),
    "dynamic/person_hasInterest_tag": ("Person", "HAS_INTEREST", "Tag"),
    "dynamic/person_studyAt_organisation": ("Person", "STUDY_AT", "Organisation"),
    "dynamic/person_workAt_organisation": ("Person", "WORK_AT", "Organisation"),
    "dynamic/person_likes_post": ("Person", "LIKES", "Post"),
    "dynamic/person_likes_comment": ("Person", "LIKES", "Comment"),
    "dynamic/forum_containerOf_post": ("Forum", "CONTAINER_OF", "Post"),
    "dynamic/forum_hasMember_person": ("Forum", "HAS_MEMBER", "Person"),
    "dynamic/forum_hasModerator_person": ("Forum", "HAS_MODERATOR", "Person"),
    "dynamic/forum_hasTag_tag": ("Forum", "HAS_TAG", "Tag"),
    "dynamic/post_hasCreator_person": ("Post", "HAS_CREATOR", "Person"),
    "dynamic/post_hasTag_tag": ("Post", "HAS_TAG", "Tag"),
    "dynamic/post_isLocatedIn_place": ("Post", "IS_LOCATED_IN", "Place"),
    "dynamic/comment_hasCreator_person": ("Comment", "HAS_CREATOR", "Person"),
    "dynamic/comment_hasTag_tag": ("Comment", "HAS_TAG", "Tag"),
    "dynamic/comment_isLocatedIn_place": ("Comment", "IS_LOCATED_IN", "Place"),
    "dynamic/comment_replyOf_post": ("Comment", "REPLY_OF", "Post"),
    "dynamic/comment_replyOf_comment": ("Comment", "REPLY_OF", "Comment"),
}  # fmt: skip
WHOLE: Final = {"id", "length", "birthday", "creationDate", "joinDate", "classYear", "workFrom"}
"""Columns of whole numbers; times are milliseconds."""

LISTS: Final = {"email", "language"}


@dataclass(frozen=True)
class Load:
    """A statement, and the rows it takes in a batch."""

    text: str
    rows: list[Any]


def loads(folder: Path) -> Iterator[Load]:
    """The whole graph, nodes first."""
    for name, labels in NODES.items():
        rows = [_properties(name, row) for row in _rows(folder, name)]
        yield from _batches(f"UNWIND $rows AS r CREATE (n:{labels}) SET n = r", rows)
    for name, (source, kind, target) in EDGES.items():
        pairs = []
        for row in _rows(folder, name):
            (_, one), (_, other), *more = row
            pairs.append([int(one), int(other), {key: int(value) for key, value in more}])
        match = f"MATCH (a:{source} {{id: r[0]}}) MATCH (b:{target} {{id: r[1]}})"
        yield from _batches(f"UNWIND $rows AS r {match} CREATE (a)-[e:{kind}]->(b) SET e = r[2]", pairs)


def _batches(text: str, rows: list[Any]) -> Iterator[Load]:
    for first in range(0, len(rows), BATCH):
        yield Load(text, rows[first : first + BATCH])


def _rows(folder: Path, name: str) -> Iterator[list[tuple[str, str]]]:
    """The rows of a file as pairs, since both ends of an edge may have one name."""
    with gzip.open(folder / f"{name}_0_0.csv.gz", "rt", encoding="utf-8", newline="") as file:
        reader = csv.reader(file, delimiter="|", quoting=csv.QUOTE_NONE)
        names = next(reader)
        for row in reader:
            yield list(zip(names, row, strict=True))


def _properties(name: str, row: list[tuple[str, str]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in row:
        if key in WHOLE:
            found[key] = int(value)
        elif key in LISTS and name == "dynamic/person":
            found[key] = value.split(";")
        elif value:
            found[key] = value
    return found


def parameters(folder: Path, number: int) -> list[dict[str, Any]]:
    """Of a complex read, a map for each question: what the benchmark gives, and what Gremlin cannot work out of it.

    ``until`` is the end of a duration in days; ``firstDay`` and ``endDay`` bound the birthdays that read 10 looks for.
    """
    path = folder / "substitution_parameters" / f"interactive_{number}_param.txt"
    names, *rows = (line.split("|") for line in path.read_text(encoding="utf-8").splitlines() if line)
    given: list[dict[str, Any]] = [
        {name: int(value) if value.lstrip("-").isdecimal() else value for name, value in zip(names, row, strict=True)}
        for row in rows
    ]
    for one in given:
        if "durationDays" in one:
            one["until"] = one["startDate"] + one["durationDays"] * 86_400_000
        if "month" in one:
            one["firstDay"], one["endDay"] = f"{one['month']:02}-21", f"{one['month'] % 12 + 1:02}-22"
    return given


_NEAR: Final = "MATCH (p:Person {id: $personId})-[:KNOWS*1..2]-(f:Person) WHERE f <> p WITH DISTINCT p, f "

COMPLEX: Final[dict[int, str]] = {
    1: """
        MATCH (p:Person {id: $personId}), (f:Person {firstName: $firstName}) WHERE p <> f
        MATCH path = shortestPath((p)-[:KNOWS*1..3]-(f))
        WITH f, length(path) AS distance ORDER BY distance, f.lastName, f.id LIMIT 20
        MATCH (f)-[:IS_LOCATED_IN]->(city:Place)
        OPTIONAL MATCH (f)-[s:STUDY_AT]->(u:Organisation)-[:IS_LOCATED_IN]->(uc:Place)
        WITH f, distance, city,
             collect(CASE WHEN u IS NULL THEN null ELSE [u.name, s.classYear, uc.name] END) AS studies
        OPTIONAL MATCH (f)-[w:WORK_AT]->(c:Organisation)-[:IS_LOCATED_IN]->(cc:Place)
        WITH f, distance, city, studies,
             collect(CASE WHEN c IS NULL THEN null ELSE [c.name, w.workFrom, cc.name] END) AS jobs
        RETURN f.id AS id, f.lastName AS lastName, distance, f.birthday, f.creationDate, f.gender, f.browserUsed,
               f.locationIP, f.email, f.language, city.name, studies, jobs
        ORDER BY distance, lastName, id""",
    2: """
        MATCH (:Person {id: $personId})-[:KNOWS]-(f:Person)<-[:HAS_CREATOR]-(m:Message)
        WHERE m.creationDate < $maxDate
        RETURN f.id, f.firstName, f.lastName, m.id, coalesce(m.content, m.imageFile), m.creationDate
        ORDER BY m.creationDate DESC, m.id LIMIT 20""",
    3: _NEAR + """
        MATCH (f)-[:IS_LOCATED_IN]->(:Place)-[:IS_PART_OF]->(home:Place)
        WHERE NOT home.name IN [$countryXName, $countryYName]
        MATCH (f)<-[:HAS_CREATOR]-(m:Message)-[:IS_LOCATED_IN]->(c:Place)
        WHERE c.name IN [$countryXName, $countryYName]
          AND $startDate <= m.creationDate < $startDate + $durationDays * 86400000
        WITH f, sum(CASE c.name WHEN $countryXName THEN 1 ELSE 0 END) AS x,
             sum(CASE c.name WHEN $countryYName THEN 1 ELSE 0 END) AS y
        WHERE x > 0 AND y > 0
        RETURN f.id AS id, f.firstName, f.lastName, x, y, x + y AS count ORDER BY count DESC, id LIMIT 20""",
    4: """
        MATCH (:Person {id: $personId})-[:KNOWS]-(f:Person)<-[:HAS_CREATOR]-(post:Post)-[:HAS_TAG]->(tag:Tag)
        WITH tag, post.creationDate AS at, $startDate AS since, $startDate + $durationDays * 86400000 AS until
        WITH tag, sum(CASE WHEN since <= at < until THEN 1 ELSE 0 END) AS count,
             sum(CASE WHEN at < since THEN 1 ELSE 0 END) AS before
        WHERE count > 0 AND before = 0
        RETURN tag.name AS name, count ORDER BY count DESC, name LIMIT 10""",
    5: _NEAR + """
        MATCH (f)<-[member:HAS_MEMBER]-(forum:Forum) WHERE member.joinDate > $minDate
        WITH forum, collect(DISTINCT f) AS friends
        OPTIONAL MATCH (forum)-[:CONTAINER_OF]->(post:Post)-[:HAS_CREATOR]->(author:Person) WHERE author IN friends
        WITH forum, count(post) AS posts
        RETURN forum.title, posts, forum.id ORDER BY posts DESC, forum.id LIMIT 20""",
    6: _NEAR + """
        MATCH (f)<-[:HAS_CREATOR]-(post:Post)-[:HAS_TAG]->(:Tag {name: $tagName})
        WITH DISTINCT post
        MATCH (post)-[:HAS_TAG]->(other:Tag) WHERE other.name <> $tagName
        RETURN other.name AS name, count(DISTINCT post) AS posts ORDER BY posts DESC, name LIMIT 10""",
    7: """
        MATCH (p:Person {id: $personId})<-[:HAS_CREATOR]-(m:Message)<-[l:LIKES]-(liker:Person)
        WITH p, liker, m, l.creationDate AS at ORDER BY at DESC, m.id
        WITH p, liker, head(collect({message: m, at: at})) AS latest
        RETURN liker.id AS id, liker.firstName, liker.lastName, latest.at AS at, latest.message.id,
               coalesce(latest.message.content, latest.message.imageFile),
               (latest.at - latest.message.creationDate) / 60000 AS minutes, NOT (liker)-[:KNOWS]-(p) AS isNew
        ORDER BY at DESC, id LIMIT 20""",
    8: """
        MATCH (:Person {id: $personId})<-[:HAS_CREATOR]-(:Message)<-[:REPLY_OF]-(c:Comment)-[:HAS_CREATOR]->(a:Person)
        RETURN a.id, a.firstName, a.lastName, c.creationDate, c.id, c.content
        ORDER BY c.creationDate DESC, c.id LIMIT 20""",
    9: _NEAR + """
        MATCH (f)<-[:HAS_CREATOR]-(m:Message) WHERE m.creationDate < $maxDate
        RETURN f.id, f.firstName, f.lastName, m.id, coalesce(m.content, m.imageFile), m.creationDate
        ORDER BY m.creationDate DESC, m.id LIMIT 20""",
    10: """
        MATCH (p:Person {id: $personId})-[:KNOWS*2..2]-(f:Person)
        WHERE f <> p AND NOT (f)-[:KNOWS]-(p)
        WITH DISTINCT p, f, datetime({epochMillis: f.birthday}) AS born
        WHERE (born.month = $month AND born.day >= 21) OR (born.month = $month % 12 + 1 AND born.day < 22)
        OPTIONAL MATCH (f)<-[:HAS_CREATOR]-(post:Post)
        WITH p, f, collect(post) AS posts
        WITH f, size(posts) AS total,
             size([post IN posts WHERE (post)-[:HAS_TAG]->()<-[:HAS_INTEREST]-(p)]) AS common
        MATCH (f)-[:IS_LOCATED_IN]->(city:Place)
        RETURN f.id AS id, f.firstName, f.lastName, common - (total - common) AS score, f.gender, city.name
        ORDER BY score DESC, id LIMIT 10""",
    11: _NEAR + """
        MATCH (f)-[w:WORK_AT]->(o:Organisation)-[:IS_LOCATED_IN]->(:Place {name: $countryName})
        WHERE w.workFrom < $workFromYear
        RETURN f.id AS id, f.firstName, f.lastName, o.name AS company, w.workFrom AS since
        ORDER BY since, id, company DESC LIMIT 10""",
    12: """
        MATCH (:Person {id: $personId})-[:KNOWS]-(f:Person)<-[:HAS_CREATOR]-(c:Comment)-[:REPLY_OF]->(:Post)
              -[:HAS_TAG]->(tag:Tag)-[:HAS_TYPE]->(:TagClass)-[:IS_SUBCLASS_OF*0..]->(:TagClass {name: $tagClassName})
        WITH f, collect(DISTINCT tag.name) AS tags, count(DISTINCT c) AS replies
        RETURN f.id AS id, f.firstName, f.lastName, tags, replies ORDER BY replies DESC, id LIMIT 20""",
    13: """
        MATCH (a:Person {id: $person1Id}), (b:Person {id: $person2Id})
        OPTIONAL MATCH path = shortestPath((a)-[:KNOWS*]-(b))
        RETURN CASE WHEN path IS NULL THEN -1 ELSE length(path) END AS length""",
    14: """
        MATCH (a:Person {id: $person1Id}), (b:Person {id: $person2Id})
        MATCH path = allShortestPaths((a)-[:KNOWS*]-(b))
        WITH nodes(path) AS people
        UNWIND range(0, size(people) - 2) AS at
        WITH people, people[at] AS one, people[at + 1] AS other
        WITH people,
             COUNT { (one)<-[:HAS_CREATOR]-(:Comment)-[:REPLY_OF]->(:Post)-[:HAS_CREATOR]->(other) } +
             COUNT { (other)<-[:HAS_CREATOR]-(:Comment)-[:REPLY_OF]->(:Post)-[:HAS_CREATOR]->(one) } +
             0.5 * COUNT { (one)<-[:HAS_CREATOR]-(:Comment)-[:REPLY_OF]-(:Comment)-[:HAS_CREATOR]->(other) } AS weight
        WITH [one IN people | one.id] AS ids, sum(weight) AS weight
        RETURN ids, weight ORDER BY weight DESC, ids""",
}  # fmt: skip
"""The complex reads by number."""

SHORT: Final[dict[int, str]] = {
    1: """
        MATCH (p:Person {id: $personId})-[:IS_LOCATED_IN]->(city:Place)
        RETURN p.firstName, p.lastName, p.birthday, p.locationIP, p.browserUsed, city.id, p.gender, p.creationDate""",
    2: """
        MATCH (:Person {id: $personId})<-[:HAS_CREATOR]-(m:Message)
        WITH m ORDER BY m.creationDate DESC, m.id DESC LIMIT 10
        MATCH (m)-[:REPLY_OF*0..]->(post:Post)-[:HAS_CREATOR]->(author:Person)
        RETURN m.id, coalesce(m.content, m.imageFile), m.creationDate, post.id, author.id, author.firstName,
               author.lastName ORDER BY m.creationDate DESC, m.id DESC""",
    3: """
        MATCH (:Person {id: $personId})-[k:KNOWS]-(f:Person)
        RETURN f.id, f.firstName, f.lastName, k.creationDate ORDER BY k.creationDate DESC, f.id""",
    4: "MATCH (m:Message {id: $messageId}) RETURN m.creationDate, coalesce(m.content, m.imageFile)",
    5: """
        MATCH (:Message {id: $messageId})-[:HAS_CREATOR]->(p:Person) RETURN p.id, p.firstName, p.lastName""",
    6: """
        MATCH (:Message {id: $messageId})-[:REPLY_OF*0..]->(:Post)<-[:CONTAINER_OF]-(f:Forum)
        MATCH (f)-[:HAS_MODERATOR]->(p:Person)
        RETURN f.id, f.title, p.id, p.firstName, p.lastName""",
    7: """
        MATCH (m:Message {id: $messageId})<-[:REPLY_OF]-(c:Comment)-[:HAS_CREATOR]->(a:Person)
        OPTIONAL MATCH (m)-[:HAS_CREATOR]->(author:Person)-[k:KNOWS]-(a)
        RETURN c.id, c.content, c.creationDate, a.id, a.firstName, a.lastName, k IS NOT NULL AS knows
        ORDER BY c.creationDate DESC, a.id""",
}  # fmt: skip
"""The short reads by number: of a person from 1 to 3, then of a message."""

_AROUND: Final = "g.V().has('Person','id',personId).repeat(both('KNOWS').simplePath()).times(2).emit().dedup()"

GREMLIN: Final[dict[str, tuple[str, tuple[int, ...]]]] = {
    "complex 1": (
        "g.V().has('Person','id',personId).repeat(both('KNOWS').simplePath()).times(3).emit()"
        ".has('firstName',firstName).order().by(path().count(local)).dedup()"
        ".project('id','name','d').by('id').by('lastName').by(path().count(local).math('_ - 1'))"
        ".order().by(select('d')).by(select('name')).by(select('id')).limit(20)",
        (0, 1, 2),
    ),
    "complex 2": (
        "g.V().has('Person','id',personId).both('KNOWS').in('HAS_CREATOR').has('creationDate',lt(maxDate))"
        ".order().by('creationDate',desc).by('id').limit(20)"
        ".project('f','m').by(out('HAS_CREATOR').values('id')).by('id')",
        (0, 3),
    ),
    "complex 3": (
        _AROUND + ".not(out('IS_LOCATED_IN').out('IS_PART_OF').has('name',within(countryXName,countryYName)))"
        ".project('id','x','y')"
        ".by('id').by(in('HAS_CREATOR').has('creationDate',gte(startDate).and(lt(until))).out('IS_LOCATED_IN')"
        ".has('name',countryXName).count()).by(in('HAS_CREATOR').has('creationDate',gte(startDate).and(lt(until)))"
        ".out('IS_LOCATED_IN').has('name',countryYName).count())"
        ".where(select('x').is(gt(0))).where(select('y').is(gt(0)))",
        (0, 3, 4),
    ),
    "complex 4": (
        "g.V().has('Person','id',personId).both('KNOWS').in('HAS_CREATOR').hasLabel('Post')"
        ".has('creationDate',lt(until)).as('m').out('HAS_TAG').group().by('name')"
        ".by(select('m').values('creationDate').fold()).unfold()"
        ".where(select(values).not(unfold().is(lt(startDate))))"
        ".project('name','n').by(keys).by(select(values).count(local)).order().by(select('n'),desc).by(select('name'))"
        ".limit(10)",
        (0, 1),
    ),
    "complex 6": (
        _AROUND + ".in('HAS_CREATOR').hasLabel('Post').where(out('HAS_TAG').has('name',tagName)).dedup()"
        ".out('HAS_TAG').has('name',neq(tagName)).groupCount().by('name').unfold()"
        ".order().by(values,desc).by(keys).limit(10).project('name','n').by(keys).by(values)",
        (0, 1),
    ),
    "complex 5": (
        _AROUND + ".inE('HAS_MEMBER').has('joinDate',gt(minDate)).group().by(outV()).by(inV().dedup().fold()).unfold()"
        ".as('g').select(values).as('friends').select('g').select(keys).project('title','n','id').by('title')"
        ".by(out('CONTAINER_OF').where(out('HAS_CREATOR').where(within('friends'))).count()).by('id')"
        ".order().by(select('n'),desc).by(select('id')).limit(20)",
        (0, 1, 2),
    ),
    "complex 7": (
        "g.V().has('Person','id',personId).in('HAS_CREATOR').as('m').inE('LIKES').as('l').outV()"
        ".order().by(select('l').values('creationDate'),desc).by(select('m').values('id')).dedup()"
        ".order().by(select('l').values('creationDate'),desc).by('id').limit(20)"
        ".project('id','at','m').by('id').by(select('l').values('creationDate')).by(select('m').values('id'))",
        (0, 3, 4),
    ),
    "complex 13": (
        "g.V().has('Person','id',person1Id).repeat(both('KNOWS').simplePath()).until(has('id',person2Id)).limit(1)"
        ".project('n').by(path().count(local).math('_ - 1'))",
        (0,),
    ),
    "complex 8": (
        "g.V().has('Person','id',personId).in('HAS_CREATOR').in('REPLY_OF').order().by('creationDate',desc).by('id')"
        ".limit(20).project('a','c').by(out('HAS_CREATOR').values('id')).by('id')",
        (0, 4),
    ),
    "complex 9": (
        _AROUND + ".not(has('Person','id',personId)).in('HAS_CREATOR').has('creationDate',lt(maxDate))"
        ".order().by('creationDate',desc).by('id').limit(20)"
        ".project('f','m').by(out('HAS_CREATOR').values('id')).by('id')",
        (0, 3),
    ),
    "complex 10": (
        # the year turns between the two months of December; else they are one stretch of days
        "g.V().has('Person','id',personId).as('p').both('KNOWS').dedup().aggregate('near')"
        ".both('KNOWS').where(neq('p')).where(without('near')).dedup()"
        ".where(values('birthday').asDate().asString().substring(5,10)"
        ".choose(constant(firstDay).is(lt(endDay)),is(gte(firstDay).and(lt(endDay))),is(gte(firstDay).or(lt(endDay)))))"
        ".project('id','first','last','score','gender','city').by('id').by('firstName').by('lastName')"
        ".by(project('posts','common').by(in('HAS_CREATOR').hasLabel('Post').count())"
        ".by(in('HAS_CREATOR').hasLabel('Post').where(out('HAS_TAG').in('HAS_INTEREST').where(eq('p'))).count())"
        ".math('2 * common - posts')).by('gender').by(out('IS_LOCATED_IN').values('name'))"
        ".order().by(select('score'),desc).by(select('id')).limit(10)",
        (0, 1, 2, 3, 4, 5),
    ),
    "complex 11": (
        _AROUND + ".as('f').outE('WORK_AT').has('workFrom',lt(workFromYear)).as('w').inV().as('o')"
        ".where(out('IS_LOCATED_IN').has('name',countryName)).select('f','w','o').by('id').by('workFrom').by('name')"
        ".order().by(select('w')).by(select('f')).by(select('o'),desc).limit(10).project('f','o','w')"
        ".by(select('f')).by(select('o')).by(select('w'))",
        (0, 3, 4),
    ),
    "complex 12": (
        "g.V().has('Person','id',personId).both('KNOWS').as('f').in('HAS_CREATOR').hasLabel('Comment')"
        ".where(out('REPLY_OF').hasLabel('Post').out('HAS_TAG').out('HAS_TYPE')"
        ".emit().repeat(out('IS_SUBCLASS_OF')).has('name',tagClassName))"
        ".groupCount().by(select('f').values('id')).unfold().order().by(values,desc).by(keys).limit(20)"
        ".project('id','n').by(keys).by(values)",
        (0, 4),
    ),
    "complex 14": (
        # who was reached before is left out, so that all ways that arrive at somebody are as short
        "g.withSack(0.0d).V().has('Person','id',person1Id).aggregate('reached')"
        ".repeat(as('one').both('KNOWS').where(without('reached')).aggregate('reached').as('other')"
        ".sack(sum).by(project('there','back','talk')"
        ".by(select(last,'one').in('HAS_CREATOR').hasLabel('Comment').out('REPLY_OF').hasLabel('Post')"
        ".out('HAS_CREATOR').where(eq('other')).count())"
        ".by(in('HAS_CREATOR').hasLabel('Comment').out('REPLY_OF').hasLabel('Post')"
        ".out('HAS_CREATOR').where(eq('one')).count())"
        ".by(in('HAS_CREATOR').hasLabel('Comment').both('REPLY_OF').hasLabel('Comment')"
        ".out('HAS_CREATOR').where(eq('one')).count())"
        ".math('there + back + 0.5 * talk')))"
        ".until(has('id',person2Id)).project('ids','weight').by(path().by('id').unfold().fold()).by(sack())"
        ".order().by(select('weight'),desc).by(select('ids'))",
        (0, 1),
    ),
    "short 1": (
        "g.V().has('Person','id',personId).project('n','c').by('firstName').by(out('IS_LOCATED_IN').values('id'))",
        (0, 5),
    ),
    "short 2": (
        "g.V().has('Person','id',personId).in('HAS_CREATOR').order().by('creationDate',desc).by('id',desc).limit(10)"
        ".project('m','p').by('id').by(emit(hasLabel('Post')).repeat(out('REPLY_OF')).hasLabel('Post').values('id'))",
        (0, 3),
    ),
    "short 3": (
        "g.V().has('Person','id',personId).bothE('KNOWS').as('k').otherV().as('f')"
        ".order().by(select('k').by('creationDate'),desc).by('id')"
        ".project('f','k').by('id').by(select('k').values('creationDate'))",
        (0, 3),
    ),
    "short 4": (
        "g.V().has('Message','id',messageId).project('t','c').by('creationDate')"
        ".by(coalesce(values('content'),values('imageFile')))",
        (0, 1),
    ),
    "short 5": (
        "g.V().has('Message','id',messageId).out('HAS_CREATOR').project('id','n').by('id').by('firstName')",
        (0, 1),
    ),
    "short 6": (
        "g.V().has('Message','id',messageId).emit(hasLabel('Post')).repeat(out('REPLY_OF')).hasLabel('Post')"
        ".in('CONTAINER_OF').project('f','p').by('id').by(out('HAS_MODERATOR').values('id'))",
        (0, 2),
    ),
    "short 7": (
        "g.V().has('Message','id',messageId).as('m').in('REPLY_OF').as('c').out('HAS_CREATOR').as('a')"
        ".order().by(select('c').values('creationDate'),desc).by('id')"
        ".project('c','a').by(select('c').values('id')).by('id')",
        (0, 3),
    ),
}
"""Reads in Gremlin, each with the columns of the answer in Cypher that it gives, in their order."""
