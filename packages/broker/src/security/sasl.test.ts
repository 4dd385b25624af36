import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  alterUserScramCredentialsApi,
  apiVersionsApi,
  describeUserScramCredentialsApi,
  errorCodes,
  metadataApi,
  saslAuthenticateApi,
  saslHandshakeApi,
} from '@millrace/protocol'
import { testBroker, type TestBroker } from '../../test/broker.ts'
import { loginPlain, loginScram } from '../../test/sasl.ts'
import type { BrokerOptions } from '../options.ts'
import { saltPasswordNow } from './scram.ts'

const users = [
  { name: 'anna', password: 'pencil' },
  { name: 'a,b=c', password: 'schlüssel ✓' },
]

function saslBroker(
  sasl: NonNullable<BrokerOptions['security']>['sasl'] = {},
): Promise<TestBroker> {
  return testBroker({ security: { sasl: { users, ...sasl } } })
}

const versionsRequest = { clientSoftwareName: 'test', clientSoftwareVersion: '1.0' }
const all = { topics: null }
const noBytes = { authBytes: Buffer.alloc(0) }

for (const mechanism of ['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const)
  for (const { name, password } of users)
    test(`sasl: ${mechanism} lets ${name} in, and the broker proves that it knows the user too`, async () => {
      await using broker = await saslBroker()
      await using client = await broker.connect()
      const { final } = await loginScram(client, mechanism, { username: name, password })
      assert.equal(final?.errorCode, 0)
      assert.match(final.authBytes.toString(), /^v=/)
      assert.equal((await client.call(metadataApi, 12, all)).topics.length, 0)
    })

for (const version of [0, 1, 2])
  test(`sasl: PLAIN by SaslAuthenticate v${version}`, async () => {
    await using broker = await saslBroker()
    await using client = await broker.connect()
    assert.equal((await client.call(apiVersionsApi, 3, versionsRequest)).errorCode, 0)
    const answer = await loginPlain(client, 'anna', 'pencil', version)
    assert.deepEqual([answer.errorCode, answer.sessionLifetimeMs], [0, 0n])
    assert.equal((await client.call(metadataApi, 12, all)).topics.length, 0)
  })

test('sasl: a wrong password and an unknown user are told alike, by every mechanism, and the connection closes', async () => {
  await using broker = await saslBroker()
  const failed = errorCodes.SASL_AUTHENTICATION_FAILED
  for (const mechanism of ['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const) {
    const texts = new Set<unknown>()
    for (const username of ['anna', 'nobody']) {
      await using client = await broker.connect()
      const { first, final } = await loginScram(client, mechanism, { username, password: 'wrong' })
      assert.equal(first.errorCode, 0, 'the first answer tells nothing')
      assert.match(first.authBytes.toString(), /^r=abcdef[\w-]+,s=[\w+/]+=*,i=4096$/)
      assert.equal(final?.errorCode, failed)
      texts.add(final.errorMessage)
      await client.closed()
    }
    assert.equal(texts.size, 1)
  }
  for (const username of ['anna', 'nobody']) {
    await using client = await broker.connect()
    const { errorCode, errorMessage } = await loginPlain(client, username, 'wrong')
    assert.deepEqual(
      [errorCode, errorMessage],
      [failed, 'Authentication failed: Invalid username or password'],
    )
    await client.closed()
  }
})

test('sasl: an unknown user is given the same salt each time, as a known one is', async () => {
  await using broker = await saslBroker()
  const saltOf = async (username: string) => {
    await using client = await broker.connect()
    const { first } = await loginScram(client, 'SCRAM-SHA-256', { username, password: 'x' })
    return /s=([^,]+)/.exec(first.authBytes.toString())?.[1]
  }
  assert.equal(await saltOf('nobody'), await saltOf('nobody'))
  assert.notEqual(await saltOf('nobody'), await saltOf('somebody'))
  assert.equal(await saltOf('anna'), await saltOf('anna'))
})

test('sasl: acting as someone else is refused', async () => {
  await using broker = await saslBroker()
  await using client = await broker.connect()
  await client.call(saslHandshakeApi, 1, { mechanism: 'PLAIN' })
  const authBytes = Buffer.from('berta\0anna\0pencil')
  const { errorCode } = await client.call(saslAuthenticateApi, 2, { authBytes })
  assert.equal(errorCode, errorCodes.SASL_AUTHENTICATION_FAILED)
  await using other = await broker.connect()
  const anna = { username: 'anna', password: 'pencil', gs2: 'n,a=berta,' }
  const { first } = await loginScram(other, 'SCRAM-SHA-256', anna)
  assert.equal(first.errorCode, errorCodes.SASL_AUTHENTICATION_FAILED)
})

test('sasl: an unknown mechanism is answered with those that there are, then the connection closes', async () => {
  await using broker = await saslBroker({ mechanisms: ['SCRAM-SHA-512'] })
  for (const mechanism of ['GSSAPI', 'PLAIN', '']) {
    await using client = await broker.connect()
    assert.deepEqual(await client.call(saslHandshakeApi, 1, { mechanism }), {
      errorCode: errorCodes.UNSUPPORTED_SASL_MECHANISM,
      mechanisms: ['SCRAM-SHA-512'],
    })
    await client.closed()
  }
})

test('sasl: version 0 of the handshake is refused, since bare tokens would follow it', async () => {
  await using broker = await saslBroker()
  await using client = await broker.connect()
  const { errorCode } = await client.call(saslHandshakeApi, 0, { mechanism: 'PLAIN' })
  assert.equal(errorCode, errorCodes.UNSUPPORTED_VERSION)
  await client.closed()
})

test('sasl: any other request before authentication closes the connection, whether its body can be read or not', async () => {
  await using broker = await saslBroker()
  await using first = await broker.connect()
  first.send(metadataApi, 12, all)
  await first.closed()
  await using afterHandshake = await broker.connect()
  await afterHandshake.call(saslHandshakeApi, 1, { mechanism: 'PLAIN' })
  afterHandshake.send(metadataApi, 12, all)
  await afterHandshake.closed()
  await using afterFailure = await broker.connect()
  await loginPlain(afterFailure, 'anna', 'wrong')
  afterFailure.send(metadataApi, 12, all)
  await afterFailure.closed()
})

test('sasl: requests sent along with the authentication are served once it has succeeded', async () => {
  await using broker = await saslBroker()
  await using client = await broker.connect()
  await client.call(saslHandshakeApi, 1, { mechanism: 'PLAIN' })
  client.send(saslAuthenticateApi, 2, { authBytes: Buffer.from('\0anna\0pencil') })
  client.send(metadataApi, 12, all)
  assert.equal((await client.receive(saslAuthenticateApi, 2)).body.errorCode, 0)
  assert.equal((await client.receive(metadataApi, 12)).body.topics.length, 0)
})

test('sasl: a large frame before authentication closes the connection as soon as it is announced', async () => {
  await using broker = await saslBroker()
  await using client = await broker.connect()
  client.socket.write(Buffer.from('00100000', 'hex'))
  await client.closed()
})

test('sasl: who does not authenticate in time is dropped, and who did is not', async () => {
  await using broker = await testBroker({ clock: 'virtual', security: { sasl: { users } } })
  await using idle = await broker.connect()
  await using client = await broker.connect()
  assert.equal((await loginPlain(client, 'anna', 'pencil')).errorCode, 0)
  assert.equal((await idle.call(apiVersionsApi, 3, versionsRequest)).errorCode, 0)
  await broker.broker.clock.advance(31_000)
  await idle.closed()
  assert.equal((await client.call(metadataApi, 12, all)).topics.length, 0)
})

test('sasl: SASL is refused where nobody has to authenticate, and after authentication', async () => {
  const illegal = errorCodes.ILLEGAL_SASL_STATE
  await using open = await testBroker()
  await using stranger = await open.connect()
  const refusal = await stranger.call(saslHandshakeApi, 1, { mechanism: 'PLAIN' })
  assert.deepEqual(refusal, { errorCode: illegal, mechanisms: [] })
  assert.equal((await stranger.call(saslAuthenticateApi, 2, noBytes)).errorCode, illegal)
  assert.equal((await stranger.call(metadataApi, 12, all)).topics.length, 0)

  await using broker = await saslBroker()
  await using client = await broker.connect()
  await loginPlain(client, 'anna', 'pencil')
  const again = await client.call(saslHandshakeApi, 1, { mechanism: 'PLAIN' })
  assert.equal(again.errorCode, illegal)
  assert.equal((await client.call(saslAuthenticateApi, 2, noBytes)).errorCode, illegal)
  assert.equal((await client.call(metadataApi, 12, all)).topics.length, 0)
  await using hasty = await broker.connect()
  hasty.send(saslAuthenticateApi, 2, noBytes)
  await hasty.closed()
  assert.equal(hasty.receivedBytes, 0)
})

test('sasl: a session is renewed by its own user and mechanism, or ends (KIP-368)', async () => {
  const security = { sasl: { users, maxReauthMs: 60_000 } }
  await using broker = await testBroker({ clock: 'virtual', security })
  await using client = await broker.connect()
  await using forgetful = await broker.connect()
  await using other = await broker.connect()
  await using changing = await broker.connect()
  for (const each of [client, forgetful, other, changing])
    assert.equal((await loginPlain(each, 'anna', 'pencil')).sessionLifetimeMs, 60_000n)
  await broker.broker.clock.advance(59_000)
  assert.equal((await loginPlain(client, 'anna', 'pencil')).errorCode, 0)
  const changed = await loginPlain(other, 'a,b=c', 'schlüssel ✓')
  assert.equal(changed.errorCode, errorCodes.SASL_AUTHENTICATION_FAILED)
  assert.match(changed.errorMessage ?? '', /Cannot change principals/)
  const mechanism = await changing.call(saslHandshakeApi, 1, { mechanism: 'SCRAM-SHA-256' })
  assert.equal(mechanism.errorCode, errorCodes.UNSUPPORTED_SASL_MECHANISM)
  await broker.broker.clock.advance(2_000)
  assert.equal((await client.call(metadataApi, 12, all)).topics.length, 0)
  forgetful.send(metadataApi, 12, all)
  await forgetful.closed()
})

const scram256 = 1
const scram512 = 2

function upsertion(name: string, password: string, iterations = 4096) {
  const salt = Buffer.from('0123456789abcdef')
  const saltedPassword = saltPasswordNow('SCRAM-SHA-256', password, { salt, iterations })
  return { name, mechanism: scram256, iterations, salt, saltedPassword }
}

test('scram users: made, described, used, kept over a restart, and taken away; the password is nowhere', async () => {
  await using broker = await saslBroker()
  {
    await using admin = await broker.connect()
    await loginPlain(admin, 'anna', 'pencil')
    const upsertions = [upsertion('berta', 'hunter2-secret')]
    const { results } = await admin.call(alterUserScramCredentialsApi, 0, {
      deletions: [],
      upsertions,
    })
    assert.deepEqual(results, [{ user: 'berta', errorCode: 0, errorMessage: null }])
  }
  const journal = readFileSync(join(broker.dir, 'journal'))
  for (const secret of ['hunter2-secret', upsertion('berta', 'hunter2-secret').saltedPassword])
    assert.equal(journal.includes(secret), false)
  assert.equal(
    journal.includes(upsertion('b', 'hunter2-secret').saltedPassword.toString('base64')),
    false,
  )
  await broker.restart()
  const berta = { username: 'berta', password: 'hunter2-secret' }
  await using client = await broker.connect()
  assert.equal((await loginScram(client, 'SCRAM-SHA-256', berta)).final?.errorCode, 0)
  await using plain = await broker.connect()
  assert.equal((await loginPlain(plain, 'berta', 'hunter2-secret')).errorCode, 0)
  const described = await client.call(describeUserScramCredentialsApi, 0, { users: null })
  assert.deepEqual(
    described.results.map(({ user, credentialInfos }) => [user, credentialInfos]),
    [
      [
        'a,b=c',
        [
          { mechanism: 1, iterations: 4096 },
          { mechanism: 2, iterations: 4096 },
        ],
      ],
      [
        'anna',
        [
          { mechanism: 1, iterations: 4096 },
          { mechanism: 2, iterations: 4096 },
        ],
      ],
      ['berta', [{ mechanism: 1, iterations: 4096 }]],
    ],
  )
  const deletions = [{ name: 'berta', mechanism: scram256 }]
  await client.call(alterUserScramCredentialsApi, 0, { deletions, upsertions: [] })
  await using gone = await broker.connect()
  const { final } = await loginScram(gone, 'SCRAM-SHA-256', berta)
  assert.equal(final?.errorCode, errorCodes.SASL_AUTHENTICATION_FAILED)
  const users58 = await client.call(describeUserScramCredentialsApi, 0, {
    users: [{ name: 'berta' }, { name: 'anna' }, { name: 'anna' }],
  })
  assert.deepEqual(
    users58.results.map(({ user, errorCode }) => [user, errorCode]),
    [
      ['berta', errorCodes.RESOURCE_NOT_FOUND],
      ['anna', errorCodes.DUPLICATE_RESOURCE],
    ],
  )
})

const good = upsertion('berta', 'x')
const badChanges = [
  {
    name: 'too few iterations',
    upsertion: { ...good, iterations: 4095 },
    code: 'UNACCEPTABLE_CREDENTIAL',
  },
  {
    name: 'too many iterations',
    upsertion: { ...good, iterations: 16_385 },
    code: 'UNACCEPTABLE_CREDENTIAL',
  },
  { name: 'no name', upsertion: { ...good, name: '' }, code: 'UNACCEPTABLE_CREDENTIAL' },
  {
    name: 'a user of the options',
    upsertion: { ...good, name: 'anna' },
    code: 'UNACCEPTABLE_CREDENTIAL',
  },
  {
    name: 'no salt',
    upsertion: { ...good, salt: Buffer.alloc(0) },
    code: 'UNACCEPTABLE_CREDENTIAL',
  },
  {
    name: 'a key of the other hash',
    upsertion: { ...good, mechanism: scram512 },
    code: 'UNACCEPTABLE_CREDENTIAL',
  },
  {
    name: 'an unknown mechanism',
    upsertion: { ...good, mechanism: 3 },
    code: 'UNSUPPORTED_SASL_MECHANISM',
  },
] as const
test('scram users: what cannot be accepted is refused, and nothing of that user is changed', async () => {
  await using broker = await testBroker({ security: { sasl: { users } } })
  await using client = await broker.connect()
  await loginPlain(client, 'anna', 'pencil')
  for (const { name, upsertion: bad, code } of badChanges) {
    const request = { deletions: [], upsertions: [bad] }
    const { results } = await client.call(alterUserScramCredentialsApi, 0, request)
    assert.deepEqual(
      results.map(({ errorCode }) => errorCode),
      [errorCodes[code]],
      name,
    )
  }
  const twice = await client.call(alterUserScramCredentialsApi, 0, {
    deletions: [],
    upsertions: [good, good],
  })
  assert.deepEqual(
    twice.results.map(({ errorCode }) => errorCode),
    [errorCodes.DUPLICATE_RESOURCE],
  )
  const missing = await client.call(alterUserScramCredentialsApi, 0, {
    deletions: [{ name: 'berta', mechanism: scram256 }],
    upsertions: [],
  })
  assert.deepEqual(
    missing.results.map(({ errorCode }) => errorCode),
    [errorCodes.RESOURCE_NOT_FOUND],
  )
  const described = await client.call(describeUserScramCredentialsApi, 0, { users: [] })
  assert.deepEqual(
    described.results.map(({ user }) => user),
    ['a,b=c', 'anna'],
  )
})

test('sasl: bad options are named before anything is started', async () => {
  const sasl = { mechanisms: [], users: [users[0]!, users[0]!], maxReauthMs: -1 }
  await assert.rejects(testBroker({ security: { sasl } }), {
    code: 'MR_BROKER_BAD_OPTION',
    message: /mechanisms is empty.*maxReauthMs -1.*names a user twice/,
  })
})

test('sasl: a hundred connections that never finish their authentication disturb nobody', async () => {
  await using broker = await saslBroker()
  const idle = await Promise.all(Array.from({ length: 100 }, () => broker.connect()))
  for (const each of idle) each.send(saslHandshakeApi, 1, { mechanism: 'SCRAM-SHA-512' })
  await using client = await broker.connect()
  assert.equal((await loginPlain(client, 'anna', 'pencil')).errorCode, 0)
  for (const { socket } of idle) {
    socket.destroy()
    if (!socket.closed) await once(socket, 'close')
  }
})
