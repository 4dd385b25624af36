import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { apiVersionsApi, describeAclsApi, errorCodes, metadataApi } from '@millrace/protocol'
import { testBroker } from '../../test/broker.ts'
import { makeCertificates } from '../../test/certificates.ts'
import { loginScram } from '../../test/sasl.ts'
import { WireClient } from '../../test/wire-client.ts'
import { distinguishedName } from './tls-server.ts'

const made = makeCertificates()
const skip = made === undefined ? 'openssl is not installed' : false
const pem = made ?? { ca: '', broker: { cert: '', key: '' }, client: {}, stranger: {} }
const { ca } = pem
const versionsRequest = { clientSoftwareName: 'test', clientSoftwareVersion: '1.0' }
const everything = {
  resourceTypeFilter: 1,
  resourceNameFilter: null,
  patternTypeFilter: 1,
  principalFilter: null,
  hostFilter: null,
  operation: 1,
  permissionType: 1,
}

test(
  'tls: clients that trust the root are served, and a plain one is closed',
  { skip },
  async () => {
    await using broker = await testBroker({ security: { tls: pem.broker } })
    await using client = await WireClient.connectSecurely(broker.port, { ca })
    assert.equal((await client.call(apiVersionsApi, 3, versionsRequest)).errorCode, 0)
    await using plain = await broker.connect()
    plain.send(apiVersionsApi, 3, versionsRequest)
    await plain.closed()
    await assert.rejects(
      WireClient.connectSecurely(broker.port, {}),
      /unable to verify|self-signed/,
    )
    await assert.rejects(
      WireClient.connectSecurely(broker.port, { ca, maxVersion: 'TLSv1.1', minVersion: 'TLSv1' }),
    )
    assert.equal((await client.call(metadataApi, 12, { topics: null })).topics.length, 0)
  },
)

test(
  'tls: a required certificate must lead to the root; its subject is who the client is',
  { skip },
  async () => {
    const tls = { ...pem.broker, ca, clientCertificates: 'required' as const }
    const superUsers = ['User:CN=anna,O=Mill\\, Race,C=CH']
    await using broker = await testBroker({ security: { tls, authorization: { superUsers } } })
    await using client = await WireClient.connectSecurely(broker.port, { ca, ...pem.client })
    const answer = await client.call(describeAclsApi, 3, everything)
    assert.equal(answer.errorCode, 0, 'the super user')
    for (const certificate of [{}, pem.stranger]) {
      // In TLS 1.3 the client is done before the broker has looked at its certificate.
      const outcome = await WireClient.connectSecurely(broker.port, { ca, ...certificate }).then(
        (refused) => {
          refused.send(apiVersionsApi, 3, versionsRequest)
          return refused.closed()
        },
        () => undefined,
      )
      assert.equal(outcome, undefined)
    }
  },
)

test('tls: a requested certificate may be missing, but not be wrong', { skip }, async () => {
  const tls = { ...pem.broker, ca, clientCertificates: 'requested' as const }
  const superUsers = ['User:CN=anna,O=Mill\\, Race,C=CH']
  await using broker = await testBroker({ security: { tls, authorization: { superUsers } } })
  await using known = await WireClient.connectSecurely(broker.port, { ca, ...pem.client })
  assert.equal((await known.call(describeAclsApi, 3, everything)).errorCode, 0)
  await using unknown = await WireClient.connectSecurely(broker.port, { ca })
  const refusal = await unknown.call(describeAclsApi, 3, everything)
  assert.equal(refusal.errorCode, errorCodes.CLUSTER_AUTHORIZATION_FAILED, 'User:ANONYMOUS')
  await using stranger = await WireClient.connectSecurely(broker.port, { ca, ...pem.stranger })
  stranger.send(apiVersionsApi, 3, versionsRequest)
  await stranger.closed()
})

test('tls: SASL over it, in a worker thread too', { skip }, async () => {
  const sasl = { users: [{ name: 'anna', password: 'pencil' }] }
  const security = { tls: pem.broker, sasl }
  await using broker = await testBroker({ worker: true, security })
  await using client = await WireClient.connectSecurely(broker.port, { ca })
  const anna = { username: 'anna', password: 'pencil' }
  assert.equal((await loginScram(client, 'SCRAM-SHA-256', anna)).final?.errorCode, 0)
  assert.equal((await client.call(metadataApi, 12, { topics: null })).topics.length, 0)
})

test(
  'tls: half-open handshakes hold up neither others nor the end of the broker',
  { skip },
  async () => {
    const broker = await testBroker({ security: { tls: pem.broker } })
    const sockets = Array.from({ length: 50 }, () =>
      connect({ host: '127.0.0.1', port: broker.port }),
    )
    for (const socket of sockets) {
      socket.on('error', () => {})
      await once(socket, 'connect')
      // The first bytes of a ClientHello, and no more.
      socket.write(Buffer.from('160301020001', 'hex'))
    }
    await using client = await WireClient.connectSecurely(broker.port, { ca })
    assert.equal((await client.call(apiVersionsApi, 3, versionsRequest)).errorCode, 0)
    const closed = sockets.map((socket) => once(socket, 'close'))
    await broker[Symbol.asyncDispose]()
    await Promise.all(closed)
  },
)

test('tls: garbage instead of a handshake closes that connection alone', { skip }, async () => {
  await using broker = await testBroker({ security: { tls: pem.broker } })
  await using client = await WireClient.connectSecurely(broker.port, { ca })
  await using http = await broker.connect()
  http.socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await http.closed()
  assert.equal((await client.call(apiVersionsApi, 3, versionsRequest)).errorCode, 0)
})

test('tls: options that cannot work are named before anything is started', { skip }, async () => {
  const tls = { cert: pem.broker.cert, key: 'no key', clientCertificates: 'required' as const }
  await assert.rejects(testBroker({ security: { tls } }), {
    code: 'MR_BROKER_BAD_OPTION',
    message: /needs tls\.ca.*cannot be used/,
  })
})

test('tls: a distinguished name has its last part first, as Kafka writes principals', () => {
  assert.equal(distinguishedName('C=CH\nO=Mill\\, Race\nCN=anna'), 'CN=anna,O=Mill\\, Race,C=CH')
  assert.equal(distinguishedName('CN=anna'), 'CN=anna')
})
