import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { silentLogger } from '@millrace/core'
import { eventually, SimulatedClock } from '@millrace/core/testing'
import { startKeyServer } from '../../test/key-server.ts'
import { createSigningKey, publicJwkOf } from './jwt.ts'
import { RemoteKeys } from './remote-keys.ts'

const keys = [createSigningKey(), createSigningKey()]
const [first, second] = keys.map(({ privateKey }) => publicJwkOf(privateKey))
if (!first || !second) throw new Error('two keys were made')
const bodyOf = (...jwks: readonly unknown[]): string => JSON.stringify({ keys: jwks })
const unavailable = { code: 'MR_RUNTIME_KEYS_UNAVAILABLE', retryable: true }

function remoteKeys(clock: SimulatedClock, ...urls: readonly string[]): RemoteKeys {
  return new RemoteKeys({ owner: 'users', urls, clock, logger: silentLogger })
}

suite('keys of an issuer', () => {
  test('are read once, and again for a name that is unknown, at most once a second', async () => {
    await using server = await startKeyServer([first])
    const clock = new SimulatedClock()
    const remote = remoteKeys(clock, server.url)
    assert.equal(server.asked, 0)
    const found = await Promise.all(Array.from({ length: 20 }, () => remote.find(first.kid)))
    assert.ok(found.every((key) => key?.asymmetricKeyType === 'ed25519'))
    assert.equal(server.asked, 1)
    for (let turn = 0; turn < 50; turn++)
      assert.equal(await remote.find(`made up ${turn}`), undefined)
    assert.equal(server.asked, 1)
    server.answer = { status: 200, body: bodyOf(first, second) }
    assert.equal(await remote.find(second.kid), undefined)
    await clock.advance(1_000)
    assert.ok(await remote.find(second.kid))
    assert.equal(server.asked, 2)
  })

  test('stay while the issuer is away; only what they do not answer is an outage', async () => {
    await using server = await startKeyServer([first])
    const clock = new SimulatedClock()
    const remote = remoteKeys(clock, server.url)
    assert.ok(await remote.find(first.kid))
    for (const body of ['down', '{}', '{"keys":1}', 'x'.repeat(100_000)]) {
      server.answer = { status: body === 'down' ? 503 : 200, body }
      await clock.advance(1_000)
      await assert.rejects(remote.find(second.kid), unavailable)
      assert.ok(await remote.find(first.kid))
    }
    server.answer = { status: 200, body: bodyOf(second) }
    await clock.advance(1_000)
    assert.ok(await remote.find(second.kid))
  })

  test('that were withdrawn are forgotten after five minutes', async () => {
    await using server = await startKeyServer([first, second])
    const clock = new SimulatedClock()
    const remote = remoteKeys(clock, server.url)
    assert.ok(await remote.find(first.kid))
    server.answer = { status: 200, body: bodyOf(second) }
    await clock.advance(5 * 60_000 + 1)
    // Whoever asks first still gets it, and has it looked up behind.
    assert.ok(await remote.find(first.kid))
    await eventually('it is forgotten', async () => (await remote.find(first.kid)) === undefined)
  })

  test('of several instances are taken together; one that is away takes only its own with it', async () => {
    await using one = await startKeyServer([first])
    const other = await startKeyServer([])
    const { url } = other
    await other[Symbol.asyncDispose]()
    const clock = new SimulatedClock()
    const remote = remoteKeys(clock, one.url, url)
    assert.ok(await remote.find(first.kid))
    await assert.rejects(remote.find(second.kid), unavailable)
  })
})
