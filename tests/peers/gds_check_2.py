"""What version 2 of Neo4j's Graph Data Science client must be able to do against the service: prints JSON."""

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
found: dict[str, object] = {"version": gds.server_version().major}
gds.run_cypher(
    "UNWIND $people AS p CREATE (:Person {name: p[0], n: p[1]})", {"people": list(map(list, PEOPLE.items()))}
)
gds.run_cypher(
    "UNWIND $pairs AS p MATCH (a:Person {name: p[0]}), (b:Person {name: p[1]}) CREATE (a)-[:KNOWS]->(b)",
    {"pairs": [pair.split() for pair in KNOWS.split(",")]},
)

nodes = pd.DataFrame({"nodeId": [0, 1, 2], "labels": ["A", "B", "A"], "p": [0.1, 0.2, 0.3]})
edges = pd.DataFrame({"sourceNodeId": [0, 1], "targetNodeId": [1, 2], "relationshipType": ["R", "R"], "w": [1.0, 2.0]})
with gds.graph.construct("constructed", nodes, edges, undirected_relationship_types=["R"]) as G:
    found["constructed"] = [G.node_count(), G.relationship_count()]

G, result = gds.graph.project.native("g", {"Person": {"properties": ["n"]}}, {"KNOWS": {"orientation": "UNDIRECTED"}})
found["projected"] = [G.node_count(), G.relationship_count(), G.node_labels(), G.relationship_types()]
C, _ = gds.graph.project.cypher(
    "MATCH (n:Person)-[r:KNOWS]->(m:Person) RETURN gds.graph.project($graph_name, n, m, {relationshipType: type(r)})",
    graph_name="c",
)
found["cypher"] = [C.node_count(), C.relationship_count()]
found["degree"] = sorted(gds.degree_centrality.stream(G)["score"].tolist())
found["page rank"] = int(gds.page_rank.mutate(G, "rank").node_properties_written)
found["louvain"] = int(gds.louvain.stats(G).community_count)
found["fastrp"] = int(gds.fast_rp.mutate(G, "rp", embedding_dimension=8, random_seed=1).node_properties_written)
found["wcc"] = int(gds.wcc.write(G, "component").node_properties_written)
found["written"] = gds.run_cypher("MATCH (p:Person) RETURN count(DISTINCT p.component) AS c")["c"].tolist()
found["streamed"] = int(gds.graph.node_properties.stream(G, ["n", "rank"])[["n", "rank"]].size)

pipe, _ = gds.pipeline.link_prediction.create("pipe")
pipe.add_node_property("fastRP", mutate_property="embedding", embedding_dimension=16, random_seed=42)
pipe.add_feature("hadamard", node_properties=["embedding", "n"])
pipe.configure_split(test_fraction=0.25, train_fraction=0.6, validation_folds=3)
pipe.add_logistic_regression(penalty=(0.01, 1.0))
pipe.add_random_forest(number_of_decision_trees=5)
pipe.configure_auto_tuning(max_trials=2)
found["exists"] = bool(pipe.exists())
estimate = pipe.train_estimate(G, model_name="m", target_relationship_type="KNOWS")
found["estimate"] = estimate.bytes_min <= estimate.bytes_max
model, trained = pipe.train(G, model_name="m", target_relationship_type="KNOWS", random_seed=1)
found["candidates"] = len(trained.model_selection_stats["modelCandidates"])
found["metrics"] = sorted(model.metrics()["AUCPR"])
found["predicted"] = len(model.predict_stream(G, top_n=5))
mutated = model.predict_mutate(G, "PREDICTED", top_n=5)
found["mutated"] = [int(mutated.relationships_written), mutated.sampling_stats["linksConsidered"]]
found["approximate"] = model.predict_stream(G, sample_rate=0.5, top_k=1).columns.tolist()
found["models"] = gds.model.get("m").model_name
gds.model.store("m")
pipe.drop()
model.drop()
found["left"] = len(gds.pipeline.list())
gds.close()
print(json.dumps(found))  # noqa: T201
