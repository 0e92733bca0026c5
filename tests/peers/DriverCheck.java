// What the Java driver must be able to do against the service: prints one JSON object.
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.List;
import org.apache.tinkerpop.gremlin.driver.Client;
import org.apache.tinkerpop.gremlin.driver.Cluster;
import org.apache.tinkerpop.gremlin.driver.exception.ResponseException;
import org.apache.tinkerpop.gremlin.driver.remote.DriverRemoteConnection;
import org.apache.tinkerpop.gremlin.process.traversal.AnonymousTraversalSource;
import org.apache.tinkerpop.gremlin.process.traversal.dsl.graph.GraphTraversalSource;
import org.apache.tinkerpop.gremlin.process.traversal.dsl.graph.__;
import org.apache.tinkerpop.gremlin.structure.Transaction;
import org.apache.tinkerpop.gremlin.util.MessageSerializer;
import org.apache.tinkerpop.gremlin.util.ser.GraphBinaryMessageSerializerV1;
import org.apache.tinkerpop.gremlin.util.ser.GraphSONMessageSerializerV3;

public class DriverCheck {
  public static void main(String[] args) {
    try {
      check(args);
      System.exit(0);
    } catch (Exception e) {
      e.printStackTrace();
      System.exit(1);
    }
  }

  static void check(String[] args) throws Exception {
    String[] parts = args[0].split(":");
    StringBuilder out = new StringBuilder("{");
    for (MessageSerializer<?> serializer : List.of(new GraphBinaryMessageSerializerV1(), new GraphSONMessageSerializerV3())) {
      Cluster cluster = Cluster.build(parts[0]).port(Integer.parseInt(parts[1])).serializer(serializer).create();
      Client client = cluster.connect();
      List<Object> text = client.submit("g.inject(1,'a',[1,2])").all().get().stream().map(r -> r.getObject()).toList();
      int batches = client.submit("g.inject(1).repeat(union(identity(),identity())).times(8)").all().get().size();
      String error = "";
      try {
        client.submit("g.V(").all().get();
      } catch (Exception e) {
        error = "" + ((ResponseException) e.getCause()).getResponseStatusCode().getValue();
      }
      GraphTraversalSource g = AnonymousTraversalSource.traversal().with(DriverRemoteConnection.using(cluster, "g"));
      g.V().drop().iterate();
      long[] counts = new long[2];
      for (int end = 0; end < 2; end++) {
        Transaction tx = g.tx();
        GraphTraversalSource inside = tx.begin();
        inside.addV("person").property("name", "x").iterate();
        if (end == 0) tx.rollback(); else tx.commit();
        counts[end] = g.V().count().next();
      }
      List<Object> values = g.V().values("name").toList();
      Object date = g.inject(OffsetDateTime.of(2024, 2, 29, 1, 2, 3, 0, ZoneOffset.UTC)).next();
      String path = g.addV("place").property("name", "y").as("b").V().hasLabel("person").addE("in").to("b")
          .outV().out("in").path().by("name").by("name").by(__.label()).by("name").by("name").next().toString();
      cluster.close();
      if (out.length() > 1) out.append(",");
      out.append(String.format(
          "\"%s\":{\"text\":\"%s\",\"batches\":%d,\"error\":\"%s\",\"rollback\":%d,\"commit\":%d,\"values\":\"%s\",\"date\":\"%s\",\"path\":\"%s\"}",
          serializer.getClass().getSimpleName(), text, batches, error, counts[0], counts[1], values, date, path));
    }
    System.out.println(out.append("}"));
  }
}
