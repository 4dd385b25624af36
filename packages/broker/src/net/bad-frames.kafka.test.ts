import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { apiVersionsApi, metadataApi } from '@millrace/protocol'
import { badFrames } from '../../test/bad-frames.ts'
import type { WireClient } from '../../test/wire-client.ts'
import { openWireTarget, type WireTarget } from '../../test/wire-target.ts'

/** Bytes that are no requests, on the broker of this package and with `npm run test:kafka` on Apache Kafka. */
let target: WireTarget
/** Another client, which none of this may disturb. */
let other: WireClient

before(async () => {
  target = await openWireTarget()
  other = await target.connect()
})
after(async () => {
  await other[Symbol.asyncDispose]()
  await target[Symbol.asyncDispose]()
})

async function assertServed(client: WireClient): Promise<void> {
  const software = { clientSoftwareName: 'wire', clientSoftwareVersion: '1' }
  assert.equal((await client.call(apiVersionsApi, 3, software)).errorCode, 0)
}

for (const { name, bytes } of badFrames)
  test(`bad frames: ${name} closes this connection, without an answer, and no other`, async () => {
    await using client = await target.connect()
    client.socket.write(bytes)
    await client.closed()
    assert.equal(client.receivedBytes, 0)
    await assertServed(other)
  })

test('bad frames: what came before is answered, what comes after is not', async () => {
  await using client = await target.connect()
  const good = client.frame(metadataApi, 12, { topics: [] }, 7)
  client.socket.write(good)
  assert.equal((await client.receive(metadataApi, 12)).correlationId, 7)
  client.socket.write(Buffer.concat([Buffer.from('ffffffff', 'hex'), good]))
  await client.closed()
  assert.equal(client.receivedBytes, 0)
  await assertServed(other)
})

test('bad frames: a request cut anywhere is waited for, and its connection may just go', async () => {
  await using one = await target.connect()
  const whole = one.frame(metadataApi, 12, { topics: [] }, 7)
  for (let size = 0; size < whole.length; size++) {
    const client = await target.connect()
    client.socket.write(whole.subarray(0, size))
    client.socket.destroy()
    await client.closed()
  }
  one.socket.write(whole.subarray(0, 9))
  await assertServed(other)
  one.socket.write(whole.subarray(9))
  assert.equal((await one.receive(metadataApi, 12)).correlationId, 7)
})

test('bad frames: hundreds of idle connections disturb nobody', async () => {
  const idle = await Promise.all(Array.from({ length: 500 }, () => target.connect()))
  await assertServed(other)
  assert.ok(idle.every(({ isClosed }) => !isClosed))
  await assertServed(idle.at(-1)!)
  await Promise.all(idle.map((client) => client[Symbol.asyncDispose]()))
})
