// client.js - the Node registry client against a registry: `node client.js URL SUBJECT`, with records of
// other clients on standard input (one a line, hexadecimal). Prints what it wrote and read as JSON.
const { SchemaRegistry, SchemaType, COMPATIBILITY } = require('@kafkajs/confluent-schema-registry')

const schema = {
  type: 'record',
  name: 'Order',
  namespace: 'shop',
  fields: [
    { name: 'id', type: 'long' },
    { name: 'item', type: 'string' },
    { name: 'price', type: ['null', 'double'], default: null },
  ],
}

async function main(url, subject) {
  const registry = new SchemaRegistry({ host: url })
  const avro = { type: SchemaType.AVRO, schema: JSON.stringify(schema) }
  const { id } = await registry.register(avro, { subject, compatibility: COMPATIBILITY.FULL })
  const again = await registry.getRegistryIdBySchema(subject, avro)
  const latest = await registry.getLatestSchemaId(subject)
  const first = await registry.getRegistryId(subject, 1)
  const wire = await registry.encode(id, { id: 42, item: 'from node', price: 1.5 })
  const read = []
  for (const line of require('fs').readFileSync(0, 'utf8').split('\n').filter(Boolean))
    read.push(await new SchemaRegistry({ host: url }).decode(Buffer.from(line, 'hex')))
  let refused
  try {
    const other = { ...schema, fields: [{ name: 'id', type: 'string' }] }
    await registry.register({ type: SchemaType.AVRO, schema: JSON.stringify(other) },
      { subject, compatibility: COMPATIBILITY.FULL })
  } catch (error) {
    refused = error.message
  }
  console.log(JSON.stringify({ ids: [id, again, latest, first], wire: wire.toString('hex'), read, refused }))
}

main(process.argv[2], process.argv[3]).catch(error => {
  console.error(error)
  process.exit(1)
})
