import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { test } from 'node:test'
import { pickPort } from './ports.ts'

async function listen(host: string): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer()
  server.listen(0, host)
  await once(server, 'listening')
  const address = server.address()
  return { server, port: typeof address === 'object' && address ? address.port : 0 }
}

for (const host of ['127.0.0.1', '0.0.0.0']) {
  test(`pickPort: a port taken on ${host} is passed over for a higher one, and its holder is named`, async () => {
    const { server, port } = await listen(host)
    const picked = await pickPort(port, new Set())
    server.close()
    assert.ok(picked.port > port, `${picked.port} after ${port}`)
    // Elsewhere than on Linux nobody tells who it is.
    const expected =
      process.platform === 'linux' ? new RegExp(`\\(pid ${process.pid}\\)`) : /another program/
    assert.match(picked.takenBy ?? '', expected)
  })
}

test('pickPort: a free port is taken as it is', async () => {
  const { server, port } = await listen('127.0.0.1')
  server.close()
  await once(server, 'close')
  assert.deepEqual(await pickPort(port, new Set()), { port })
})

test('pickPort: ports promised to other parts are passed over', async () => {
  const { server, port } = await listen('127.0.0.1')
  server.close()
  await once(server, 'close')
  const picked = await pickPort(port, new Set([port]))
  assert.ok(picked.port > port)
  assert.equal(picked.takenBy, 'another part')
})
