import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  describeClusterApi,
  errorCodes,
  findCoordinatorApi,
  metadataApi,
  saslHandshakeApi,
} from '@millrace/protocol'
import { testBroker, type TestBroker } from '../../test/broker.ts'
import { makeCertificates } from '../../test/certificates.ts'
import { loginPlain } from '../../test/sasl.ts'
import { WireClient } from '../../test/wire-client.ts'

const made = makeCertificates()
const skip = made === undefined ? 'openssl is not installed' : false
const { ca, broker: tls } = made ?? { ca: '', broker: { cert: '', key: '' } }
const users = [{ name: 'anna', password: 'pencil' }]

/** A plain listener for everybody and one for anna over TLS, on each of two nodes. */
function mixedBroker(): Promise<TestBroker> {
  return testBroker({
    nodes: 2,
    topics: [{ name: 'mine', partitions: 2 }],
    listeners: [
      { name: 'plain', tls: false, sasl: false },
      { name: 'secure', advertisedHost: 'localhost' },
    ],
    security: {
      tls,
      sasl: { users },
      authorization: {
        acls: [
          {
            principal: 'User:anna',
            operation: 'ALL',
            resourceType: 'TOPIC',
            resourceName: 'mine',
          },
        ],
      },
    },
  })
}

function portsOf({ broker }: TestBroker, name: string): readonly number[] {
  const listener = broker.listeners.find((one) => one.name === name)
  return listener!.nodes.map(({ port }) => port)
}

test(
  'listeners: clients of each are told its own addresses, by every API that tells one',
  { skip },
  async () => {
    await using broker = await mixedBroker()
    await using plain = await WireClient.connect(portsOf(broker, 'plain')[0]!)
    await using secure = await WireClient.connectSecurely(portsOf(broker, 'secure')[1]!, { ca })
    assert.equal((await loginPlain(secure, 'anna', 'pencil')).errorCode, 0)
    for (const { client, name, host } of [
      { client: plain, name: 'plain', host: '127.0.0.1' },
      { client: secure, name: 'secure', host: 'localhost' },
    ]) {
      const expected = portsOf(broker, name).map((port) => ({ host, port }))
      const metadata = await client.call(metadataApi, 12, { topics: null })
      assert.deepEqual(
        metadata.brokers.map((node) => ({ host: node.host, port: node.port })),
        expected,
      )
      const cluster = await client.call(describeClusterApi, 1, {
        includeClusterAuthorizedOperations: false,
      })
      assert.deepEqual(
        cluster.brokers.map((node) => ({ host: node.host, port: node.port })),
        expected,
      )
    }
    const found = await secure.call(findCoordinatorApi, 4, { coordinatorKeys: ['g'], keyType: 0 })
    assert.equal(found.coordinators[0]!.errorCode, errorCodes.GROUP_AUTHORIZATION_FAILED)
  },
)

test('listeners: each has its own idea of who a client is', { skip }, async () => {
  await using broker = await mixedBroker()
  await using plain = await WireClient.connect(portsOf(broker, 'plain')[0]!)
  const asAnybody = await plain.call(metadataApi, 12, { topics: [{ name: 'mine' }] })
  assert.equal(asAnybody.topics[0]!.errorCode, errorCodes.TOPIC_AUTHORIZATION_FAILED)
  const handshake = await plain.call(saslHandshakeApi, 1, { mechanism: 'PLAIN' })
  assert.equal(handshake.errorCode, errorCodes.ILLEGAL_SASL_STATE)
  const [port] = portsOf(broker, 'secure')
  await using hasty = await WireClient.connectSecurely(port!, { ca })
  hasty.send(metadataApi, 12, { topics: null })
  await hasty.closed()
  await using anna = await WireClient.connectSecurely(port!, { ca })
  await loginPlain(anna, 'anna', 'pencil')
  const asAnna = await anna.call(metadataApi, 12, { topics: [{ name: 'mine' }] })
  assert.equal(asAnna.topics[0]!.errorCode, 0)
  // TLS only where it was asked for.
  await using wrongDoor = await WireClient.connect(port!)
  wrongDoor.socket.write(Buffer.from('0000000a0012000000000001ffff', 'hex'))
  await wrongDoor.closed()
})

test('listeners: they come back on their ports after a crash, and a stopped node takes both away', async () => {
  await using broker = await testBroker({
    nodes: 2,
    listeners: [{ name: 'a' }, { name: 'b', host: 'localhost' }],
  })
  const before = broker.broker.listeners
  assert.deepEqual(before[0]!.nodes, broker.broker.nodes)
  await broker.broker.crash()
  await broker.broker.restart()
  await broker.broker.stopNode(2)
  for (const { nodes } of before) {
    await using client = await WireClient.connect(nodes[0]!.port)
    const { brokers } = await client.call(metadataApi, 12, { topics: null })
    assert.deepEqual(
      brokers.map(({ nodeId, port }) => [nodeId, port]),
      [[1, nodes[0]!.port]],
    )
    await assert.rejects(WireClient.connect(nodes[1]!.port), { code: 'ECONNREFUSED' })
  }
  await broker.broker.startNode(2)
  for (const { nodes } of before) {
    await using client = await WireClient.connect(nodes[1]!.port)
    assert.equal(client.isClosed, false)
  }
})

test('listeners: a port that is taken ends the start, and leaves none open', async () => {
  await using first = await testBroker()
  const free = await testBroker()
  const { port } = free
  await free[Symbol.asyncDispose]()
  const listeners = [
    { name: 'free', port },
    { name: 'taken', port: first.port },
  ]
  await assert.rejects(testBroker({ listeners }), { code: 'MR_BROKER_LISTEN_FAILED' })
  await assert.rejects(WireClient.connect(port), { code: 'ECONNREFUSED' })
})

test('listeners: bad ones are named before anything is started', async () => {
  await assert.rejects(
    testBroker({
      port: 9092,
      nodes: 2,
      listeners: [
        { name: 'a', port: 9092 },
        { name: 'a', port: 9093, sasl: { mechanisms: [] } },
        { name: '', port: 65_535, tls: { cert: '', key: 'no key' } },
      ],
    }),
    {
      code: 'MR_BROKER_BAD_OPTION',
      message:
        /port is given beside.*holds a name twice.*port 9093 is another listener's.*mechanisms is empty.*without a name.*port 65535.*tls\.cert/,
    },
  )
  await assert.rejects(testBroker({ listeners: [] }), { message: /listeners is empty/ })
})
