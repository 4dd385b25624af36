import assert from 'node:assert/strict'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { test } from 'node:test'
import { Pool } from 'pg'
import { greeting, serverMessage } from '../test/server-messages.ts'
import { databaseOfPool, openDatabase } from './database.ts'

/** Greets as ready and ends the session in the same packet, as a backend does whose postmaster was killed just then. */
async function startEndingServer(): Promise<Server> {
  const fatal = serverMessage(
    'E',
    Buffer.from('SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0', 'latin1'),
  )
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.end(Buffer.concat([greeting, fatal])))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

// The driver's error comes before the caller of the pool runs; it must reach that caller, and not end the process.
test('a server that ends the session with its greeting is an error of the query, of our pool and of a foreign one', async () => {
  const server = await startEndingServer()
  const url = `postgres://postgres@127.0.0.1:${(server.address() as AddressInfo).port}/postgres`
  const pool = new Pool({ connectionString: url })
  try {
    await using own = openDatabase({ url, applicationName: 'test' })
    for (const database of [own, databaseOfPool(pool)]) {
      await assert.rejects(database.query('select 1'), { code: 'MR_POSTGRES_UNAVAILABLE' })
      await assert.rejects(
        database.transaction((tx) => tx.query('select 1')),
        { code: 'MR_POSTGRES_UNAVAILABLE' },
      )
    }
  } finally {
    await pool.end()
    server.close()
  }
})
