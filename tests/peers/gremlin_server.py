"""Start a real Gremlin Server with TinkerGraph, from Maven Central.

    python gremlin_server.py WORKDIR --port 8182 [--version 3.8.1] [--heap 1g]      stops on SIGTERM

Needs Java 17 and Maven. The first start resolves about 70 jars into WORKDIR (20 s); later ones take some 4 s.
Listens on loopback. Sources: gmodern, gclassic, gcrew, ggrateful, gsink (filled), ggraph and g (both the same empty,
writable graph) and gtx (transactional).
"""

from __future__ import annotations

from java_server import TINKERPOP, JavaServer, serializer

GRAPHS = ("graph", "classic", "modern", "crew", "grateful", "sink")
SERIALIZERS = {
    "GraphBinaryMessageSerializerV1": "V3",
    "GraphSONMessageSerializerV3": "V3",
    "GraphSONUntypedMessageSerializerV3": "V3",
    "GraphSONMessageSerializerV2": "V2",
}


def properties(kind: str) -> str:
    """The configuration of one graph; ids are integers, as in the toy graphs."""
    services = f"{TINKERPOP}.tinkergraph.services"
    return "\n".join(
        [
            f"gremlin.graph={TINKERPOP}.tinkergraph.structure.Tinker{kind}Graph",
            "gremlin.tinkergraph.vertexIdManager=INTEGER",
            "gremlin.tinkergraph.edgeIdManager=INTEGER",
            "gremlin.tinkergraph.vertexPropertyIdManager=LONG",
            f"gremlin.tinkergraph.service={services}.TinkerTextSearchFactory",
            f"gremlin.tinkergraph.service={services}.TinkerDegreeCentralityFactory",
        ]
    )


def start_script() -> str:
    """The Groovy script that fills the toy graphs and names the traversal sources."""
    makers = {"Classic": "classic", "Modern": "modern", "TheCrew": "crew", "GratefulDead": "grateful"}
    makers["KitchenSink"] = "sink"
    fill = "\n".join(f"  TinkerFactory.generate{maker}({graph})" for maker, graph in makers.items())
    sources = {f"g{name}": name for name in GRAPHS} | {"g": "graph", "gtx": "tx"}
    named = "\n".join(f"globals << [{name}: traversal().withEmbedded({graph})]" for name, graph in sources.items())
    return (
        f"def globals = [:]\nglobals << [hook: [onStartUp: {{ ctx ->\n{fill}\n}}] as LifeCycleHook]\n{named}\nglobals\n"
    )


SERVER = JavaServer(
    name="Gremlin Server",
    version="3.8.1",
    port=8182,
    artifacts={
        "org.apache.tinkerpop:gremlin-server": None,
        "org.apache.tinkerpop:tinkergraph-gremlin": None,
        "org.slf4j:slf4j-simple": "1.7.25",
    },
    program=f"{TINKERPOP}.server.GremlinServer",
    files={
        "g.properties": properties(""),
        "tx.properties": properties("Transaction"),
        "init.groovy": start_script(),
    },
    graphs=", ".join([*(f"{name}: conf/g.properties" for name in GRAPHS), "tx: conf/tx.properties"]),
    plugins=[f"{TINKERPOP}.tinkergraph.jsr223.TinkerGraphGremlinPlugin: {{}}"],
    serializers=[
        serializer(kind, f"{TINKERPOP}.tinkergraph.structure.TinkerIoRegistry{version}")
        for kind, version in SERIALIZERS.items()
    ],
)

if __name__ == "__main__":
    SERVER.main(__doc__)
