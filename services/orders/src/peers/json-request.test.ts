import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { test } from 'node:test'
import { jsonRequest } from './json-request.ts'

async function serve(listener: RequestListener): Promise<AsyncDisposable & { url: string }> {
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const patient = { timeoutMs: 60_000, headers: {} } as const

test('json request: method, headers and body arrive, and status and text come back', async () => {
  await using server = await serve((request, response) => {
    let text = ''
    request.setEncoding('utf8')
    request.on('data', (piece: string) => (text += piece))
    request.on('end', () =>
      response
        .writeHead(422)
        .end(JSON.stringify([request.method, request.url, request.headers['x-user-id'], text])),
    )
  })
  const answer = await jsonRequest(`${server.url}/path?q=1`, {
    ...patient,
    method: 'POST',
    headers: { 'x-user-id': 'ada' },
    body: '{"größe":1}',
  })
  assert.equal(answer.status, 422)
  assert.deepEqual(JSON.parse(answer.text), ['POST', '/path?q=1', 'ada', '{"größe":1}'])
})

test('json request: one that meets a kept connection as the other side gives it up is sent again', async () => {
  const seen = new WeakSet<object>()
  let givenUp = 0
  await using server = await serve((request, response) => {
    if (!seen.has(request.socket)) {
      seen.add(request.socket)
      response.end('{}')
      return
    }
    givenUp++
    request.socket.destroy()
  })
  for (let n = 0; n < 6; n++) {
    const answer = await jsonRequest(server.url, { ...patient, method: 'GET' })
    assert.equal(answer.status, 200)
    // The connection is back among the idle ones by then.
    await setImmediate()
  }
  assert.ok(givenUp > 0, 'no connection was used twice, so nothing was shown')
})

test('json request: no answer within the time is a TimeoutError, also where the head came', async () => {
  await using silent = await serve(() => {})
  await using halfway = await serve((_request, response) => response.write('{'))
  for (const { url } of [silent, halfway])
    await assert.rejects(
      jsonRequest(url, { method: 'GET', headers: {}, timeoutMs: 200 }),
      (error: Error) => {
        assert.ok([error.name, (error.cause as Error | undefined)?.name].includes('TimeoutError'))
        return true
      },
    )
})

test('json request: a server that is not there is an error, at once', async () => {
  const { url, ...gone } = await serve(() => {})
  await gone[Symbol.asyncDispose]()
  await assert.rejects(jsonRequest(url, { ...patient, method: 'GET' }), { code: 'ECONNREFUSED' })
})
