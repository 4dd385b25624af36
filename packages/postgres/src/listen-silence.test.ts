import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { test } from 'node:test'
import { systemClock } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { Pool } from 'pg'
import { greeting, ready, serverMessage } from '../test/server-messages.ts'
import { databaseOfPool, openDatabase } from './database.ts'

/** Far below the limits of a connection, which are what a close that waits for an answer would take. */
const promptMs = 30_000
const listening = Buffer.concat([serverMessage('C', Buffer.from('LISTEN\0')), ready])

interface SilentServer extends AsyncDisposable {
  readonly url: string
  readonly connections: readonly Socket[]
}

/** @param says what is said to each packet of each connection, by its number; `undefined` is nothing */
async function startServer(
  says: (connection: number, packet: number) => Buffer | undefined,
): Promise<SilentServer> {
  const connections: Socket[] = []
  const server = createServer((socket) => {
    const connection = connections.push(socket)
    let packets = 0
    socket.on('error', () => {})
    socket.on('data', () => {
      const answer = says(connection, ++packets)
      if (answer) socket.write(answer)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `postgres://nobody@127.0.0.1:${(server.address() as AddressInfo).port}/none`,
    connections,
    [Symbol.asyncDispose]: async () => {
      for (const socket of connections) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

async function assertPrompt(work: Promise<void>, limitMs = promptMs): Promise<void> {
  const startMs = systemClock.monotonicMs()
  await work
  const tookMs = systemClock.monotonicMs() - startMs
  assert.ok(tookMs < limitMs, `it took ${tookMs} ms`)
}

for (const [name, says] of [
  ['greets', () => undefined],
  ['answers', (packet: number) => (packet === 1 ? greeting : undefined)],
] as const)
  test(`listen: close does not wait for a server that was cut off and never ${name} again`, async () => {
    await using server = await startServer((connection, packet) => {
      if (connection > 1) return says(packet)
      return packet === 1 ? greeting : listening
    })
    await using database = openDatabase({
      url: server.url,
      applicationName: 'test',
      connectTimeoutMs: 60_000,
      statementTimeoutMs: 60_000,
    })
    const listener = await database.listen('news', () => {})
    server.connections[0]!.destroy()
    await eventually('it connects again', () => server.connections.length === 2)
    if (name === 'answers')
      await eventually('it asks', () => server.connections[1]!.bytesWritten > 0)
    await assertPrompt(listener.close())
  })

test('listen on a foreign pool without limits: a server that never greets is given up, and tried again', async () => {
  await using server = await startServer(() => undefined)
  const pool = new Pool({ connectionString: server.url })
  await using database = databaseOfPool(pool)
  const listener = await database.listen('news', () => {})
  await eventually('it tries again', () => server.connections.length > 1)
  // Its own limit is 10 s.
  await assertPrompt(listener.close(), 9_000)
  await pool.end()
})
