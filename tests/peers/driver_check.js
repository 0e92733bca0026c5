// What the JavaScript driver must be able to do against the service: prints one JSON object.
const gremlin = require(process.argv[3] + '/node_modules/gremlin');
const url = process.argv[2];
const { DriverRemoteConnection, Client } = gremlin.driver;
const traversal = gremlin.process.AnonymousTraversalSource.traversal;

async function check(mimeType) {
  const found = {};
  const client = new Client(url, { traversalSource: 'g', mimeType });
  await client.open();
  found.text = (await client.submit("g.inject(1,'a',[1,2])")).toArray();
  found.batches = (await client.submit('g.inject(1).repeat(union(identity(),identity())).times(8)')).length;
  try { await client.submit('g.V('); } catch (error) { found.error = String(error.statusCode); }
  await client.close();
  const remote = new DriverRemoteConnection(url, { traversalSource: 'g', mimeType });
  const g = traversal().withRemote(remote);
  await g.V().drop().iterate();
  for (const end of ['rollback', 'commit']) {
    const tx = g.tx();
    await tx.begin().addV('person').property('name', 'x').iterate();
    await tx[end]();
    found[end] = (await g.V().count().next()).value;
  }
  found.values = await g.V().values('name').toList();
  found.date = (await g.inject(new Date(Date.UTC(2024, 1, 29, 1, 2, 3))).next()).value.toISOString();
  await remote.close();
  return found;
}

(async () => {
  const all = {};
  for (const mime of ['application/vnd.gremlin-v3.0+json', 'application/vnd.graphbinary-v1.0']) all[mime] = await check(mime);
  process.stdout.write(JSON.stringify(all));
})().catch((error) => { console.error(error); process.exit(1); });
