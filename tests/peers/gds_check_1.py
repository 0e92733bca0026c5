"""What version 1 of Neo4j's Graph Data Science client must be able to do against the service: prints JSON."""

from __future__ import annotations

import json
import sys
import warnings

import pandas as pd

warnings.simplefilter("ignore")

from graphdatascience import GraphDataScience  # noqa: E402

PEOPLE = {"Alice": 38, "Michael": 67, "Karin": 30, "Chris": 132, "Will": 6, "Mark": 32, "Greg": 29, "Veselin": 3}
KNOWS = "Alice Michael,Michael Karin,Michael Chris,Michael Greg,Will Michael,Will Chris,Mark Michael,Mark Will,"
KNOWS += "Greg Chris,Veselin Chris,Karin Veselin,Chris Karin"

gds = GraphDataScience(sys.argv[1], auth=("ada", "lovelace"))
found: dict[str, object] = {"version": gds.version()[:2]}
gds.run_cypher(
    "UNWIND $people AS p CREATE (:Person {name: p[0], n: p[1]})", {"people": list(map(list, PEOPLE.items()))}
)
gds.run_cypher(
    "UNWIND $pairs AS p MATCH (a:Person {name: p[0]}), (b:Person {name: p[1]}) CREATE (a)-[:KNOWS]->(b)",
    {"pairs": [pair.split() for pair in KNOWS.split(",")]},
)

nodes = pd.DataFrame({"nodeId": [0, 1, 2], "labels": ["A", "B", "A"], "p": [0.1, 0.2, 0.3]})
edges = pd.DataFrame({"sourceNodeId": [0, 1], "targetNodeId": [1, 2], "relationshipType": ["R", "R"], "w": [1.0, 2.0]})
constructed = gds.graph.construct("constructed", nodes, edges, undirected_relationship_types=["R"])
found["constructed"] = [int(constructed.node_count()), int(constructed.relationship_count())]
constructed.drop()

G, _ = gds.graph.project("g", {"Person": {"properties": ["n"]}}, {"KNOWS": {"orientation": "UNDIRECTED"}})
found["projected"] = [int(G.node_count()), int(G.relationship_count()), G.node_labels(), G.relationship_types()]
C, _ = gds.graph.cypher.project(
    "MATCH (n:Person)-[r:KNOWS]->(m:Person) RETURN gds.graph.project($graph_name, n, m, {relationshipType: type(r)})",
    graph_name="c",
)
found["cypher"] = [int(C.node_count()), int(C.relationship_count())]
found["degree"] = sorted(gds.degree.stream(G)["score"].tolist())
found["page rank"] = int(gds.pageRank.mutate(G, mutateProperty="rank")["nodePropertiesWritten"])
found["louvain"] = int(gds.louvain.stats(G)["communityCount"])
fast_rp = gds.fastRP.mutate(G, mutateProperty="rp", embeddingDimension=8, randomSeed=1)
found["fastrp"] = int(fast_rp["nodePropertiesWritten"])
found["wcc"] = int(gds.wcc.write(G, writeProperty="component")["nodePropertiesWritten"])
found["written"] = gds.run_cypher("MATCH (p:Person) RETURN count(DISTINCT p.component) AS c")["c"].tolist()
found["streamed"] = len(gds.graph.nodeProperties.stream(G, ["n", "rank"]))

pipe, _ = gds.beta.pipeline.linkPrediction.create("pipe")
pipe.addNodeProperty("fastRP", mutateProperty="embedding", embeddingDimension=16, randomSeed=42)
pipe.addFeature("hadamard", nodeProperties=["embedding", "n"])
pipe.configureSplit(testFraction=0.25, trainFraction=0.6, validationFolds=3)
pipe.addLogisticRegression(penalty=(0.01, 1.0))
pipe.addRandomForest(numberOfDecisionTrees=5)
pipe.configureAutoTuning(maxTrials=2)
found["exists"] = bool(pipe.exists())
estimate = pipe.train_estimate(G, modelName="m", targetRelationshipType="KNOWS")
found["estimate"] = bool(estimate["bytesMin"] <= estimate["bytesMax"])
model, trained = pipe.train(G, modelName="m", targetRelationshipType="KNOWS", randomSeed=1)
found["candidates"] = len(trained["modelSelectionStats"]["modelCandidates"])
found["metrics"] = sorted(model.metrics()["AUCPR"])
found["predicted"] = len(model.predict_stream(G, topN=5))
mutated = model.predict_mutate(G, mutateRelationshipType="PREDICTED", topN=5)
found["mutated"] = [int(mutated["relationshipsWritten"]), mutated["samplingStats"]["linksConsidered"]]
found["approximate"] = model.predict_stream(G, sampleRate=0.5, topK=1).columns.tolist()
found["models"] = gds.model.get("m").name()
gds.model.store(model)
pipe.drop()
model.drop()
found["left"] = len(gds.pipeline.list())
gds.close()
print(json.dumps(found))  # noqa: T201
