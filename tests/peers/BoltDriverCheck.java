// What Neo4j's Java driver must be able to do against the service: prints one line a check.
import java.util.Map;
import org.neo4j.driver.AuthTokens;
import org.neo4j.driver.Driver;
import org.neo4j.driver.GraphDatabase;
import org.neo4j.driver.Session;
import org.neo4j.driver.exceptions.AuthenticationException;
import org.neo4j.driver.exceptions.ClientException;

public class BoltDriverCheck {
    public static void main(String[] arguments) {
        for (String url : arguments) {
            try (Driver driver = GraphDatabase.driver(url, AuthTokens.basic("ada", "lovelace"))) {
                driver.verifyConnectivity();
                var result = driver.executableQuery("CREATE (a:A {n: $n})-[r:R]->(b) RETURN a, r, date('2024-02-29') AS d")
                        .withParameters(Map.of("n", 1)).execute();
                var record = result.records().get(0);
                System.out.println("node " + record.get("a").asNode().labels() + " " + record.get("a").get("n").asInt());
                System.out.println("relationship " + record.get("r").asRelationship().type());
                System.out.println("date " + record.get("d").asLocalDate());
                System.out.println("created " + result.summary().counters().nodesCreated());
                try (Session session = driver.session()) {
                    long sum = 0;
                    var rows = session.run("UNWIND range(1, 2500) AS n RETURN n");
                    while (rows.hasNext()) sum += rows.next().get("n").asLong();
                    System.out.println("sum " + sum);
                    try {
                        session.run("RETURN m").consume();
                    } catch (ClientException error) {
                        System.out.println("error " + error.code());
                    }
                    var tx = session.beginTransaction();
                    tx.run("CREATE (:JavaTx)").consume();
                    tx.rollback();
                    System.out.println("managed " + session.executeWrite(
                            inner -> inner.run("MATCH (n:JavaTx) RETURN count(*) AS c").single().get("c").asInt()));
                }
            }
            try (Driver driver = GraphDatabase.driver(url, AuthTokens.basic("ada", "byron"))) {
                driver.verifyConnectivity();
            } catch (AuthenticationException error) {
                System.out.println("refused " + error.code());
            }
        }
    }
}
