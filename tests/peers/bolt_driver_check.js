// What Neo4j's JavaScript driver must be able to do against the service: prints one JSON object.
const neo4j = require(process.argv[3] + '/node_modules/neo4j-driver');
const number = (value) => (neo4j.isInt(value) ? value.toNumber() : value);

async function check(url) {
  const found = {};
  const driver = neo4j.driver(url, neo4j.auth.basic('ada', 'lovelace'));
  const info = await driver.getServerInfo();
  found.protocol = String(info.protocolVersion.major ?? info.protocolVersion);
  const { records, summary } = await driver.executeQuery(
    "MATCH (n) DETACH DELETE n WITH count(*) AS c CREATE p = (a:A {n: 1})-[r:R {w: 0.5}]->(b) RETURN a, r, p, date('2024-02-29') AS d");
  const [record] = records;
  found.node = [record.get('a').labels, number(record.get('a').properties.n), record.get('a').elementId.length];
  found.relationship = [record.get('r').type, record.get('r').properties.w];
  found.path = record.get('p').segments.length;
  found.date = record.get('d').toString();
  found.created = summary.counters.updates().nodesCreated;
  const session = driver.session({ fetchSize: 100 });
  let sum = 0;
  await session.run('UNWIND range(1, 2500) AS n RETURN n').then((rows) => rows.records.forEach((row) => { sum += number(row.get('n')); }));
  found.sum = sum;
  try { await session.run('RETURN m'); } catch (error) { found.error = error.code; }
  for (const end of ['rollback', 'commit']) {
    const tx = session.beginTransaction();
    await tx.run('CREATE (:Tx)');
    await tx[end]();
    found[end] = number((await session.run('MATCH (n:Tx) RETURN count(*) AS c')).records[0].get('c'));
  }
  found.managed = number(await session.executeWrite(async (tx) => (await tx.run('RETURN 7 AS x')).records[0].get('x')));
  await session.close();
  await driver.close();
  const wrong = neo4j.driver(url, neo4j.auth.basic('ada', 'byron'));
  try { await wrong.getServerInfo(); } catch (error) { found.refused = error.code; }
  await wrong.close();
  return found;
}

(async () => {
  const all = {};
  for (const url of process.argv[2].split(',')) all[url.split(':')[0]] = await check(url);
  process.stdout.write(JSON.stringify(all));
})().catch((error) => { console.error(error); process.exit(1); });
