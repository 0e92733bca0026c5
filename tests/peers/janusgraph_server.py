"""Start a real JanusGraph server with an empty graph in memory, from Maven Central.

    python janusgraph_server.py WORKDIR --port 8183 [--version 1.1.0] [--heap 1g]      stops on SIGTERM

Needs Java 17 and Maven. The first start resolves about 120 jars into WORKDIR (20 s); later ones take some 5 s. Listens
on loopback, traversal source ``g``. Vertex ids are longs; edge ids are of a type of its own, RelationIdentifier.
"""

from __future__ import annotations

from java_server import JavaServer, serializer

REGISTRY = "org.janusgraph.graphdb.tinkerpop.JanusGraphIoRegistry"
GRAPH = "\n".join(
    ["gremlin.graph=org.janusgraph.core.JanusGraphFactory", "storage.backend=inmemory", "cluster.max-partitions=4"]
)
INIT = "def globals = [:]\nglobals << [g: traversal().withEmbedded(graph)]\nglobals\n"

SERVER = JavaServer(
    name="JanusGraph",
    version="1.1.0",
    port=8183,
    artifacts={
        "org.janusgraph:janusgraph-server": None,
        "org.janusgraph:janusgraph-inmemory": None,
        # the one that JanusGraph brings lacks a method that commons-configuration2 calls
        "org.apache.commons:commons-lang3": "3.17.0",
        "org.slf4j:slf4j-simple": "1.7.36",
    },
    program="org.janusgraph.graphdb.server.JanusGraphServer",
    files={"g.properties": GRAPH, "init.groovy": INIT},
    graphs="graph: conf/g.properties",
    plugins=["org.janusgraph.graphdb.tinkerpop.plugin.JanusGraphGremlinPlugin: {}"],
    serializers=[
        serializer(kind, REGISTRY) for kind in ("GraphBinaryMessageSerializerV1", "GraphSONMessageSerializerV3")
    ],
)

if __name__ == "__main__":
    SERVER.main(__doc__)
