import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, get, request as httpRequest, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { suite, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { silentLogger } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { defineService, startService } from '@millrace/runtime'
import { nowhere, startGateway, startRawUpstream, startUpstream } from '../test/upstream.ts'

const strictService = defineService({
  name: 'strict',
  version: '1',
  description: 'Takes small bodies only.',
  config: {},
  bodyLimitBytes: 1000,
  setup({ app }) {
    app.post('/api/discussions/x', async () => ({}))
  },
})

const json = { 'content-type': 'application/json' }

interface ProblemBody {
  readonly status: number
  readonly code: string
  readonly detail: string
}

async function problemOf(response: Response): Promise<ProblemBody> {
  assert.match(response.headers.get('content-type') ?? '', /problem\+json/)
  return (await response.json()) as ProblemBody
}

/** A GET whose path goes out exactly as written; fetch would tidy it. */
function getRaw(port: number, path: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path }, (response) => {
      response.resume()
      resolve(response)
    }).on('error', reject)
  })
}

suite('paths', () => {
  for (const path of [
    '/api/analytics/courses/qc%2Fquantum-gate/top?limit=10&since=2024-01-01',
    '/api/analytics/threads/a%20b%3Fc%23d%25?x=%2F+%20&x=2&empty=',
    '/api/analytics/threads/%C4%8Daj',
    '/api/analytics',
    '/api/analytics?x=1',
    '/api/analytics//double',
  ])
    test(`${path} arrives byte for byte`, async () => {
      await using upstream = await startUpstream()
      await using gateway = await startGateway({ analytics: [upstream.url] })
      assert.equal((await getRaw(gateway.port, path)).statusCode, 200)
      assert.equal(upstream.requests[0]?.url, path)
    })

  test('each prefix goes to its service', async () => {
    await using discussions = await startUpstream()
    await using analytics = await startUpstream()
    await using gateway = await startGateway({
      discussions: [discussions.url],
      analytics: [analytics.url],
    })
    await fetch(`${gateway.url}/api/discussions/threads`)
    await fetch(`${gateway.url}/api/analytics/threads/1`)
    assert.equal(discussions.requests[0]?.url, '/api/discussions/threads')
    assert.equal(analytics.requests[0]?.url, '/api/analytics/threads/1')
  })

  for (const path of [
    '/api/discussions/../../metrics',
    '/api/discussions/%2e%2e/%2e%2e/metrics',
    '/api/discussions/..%2f..%2fmetrics',
    '/api/discussions/\\..\\..\\metrics',
    '/api/discussions/%5c..%5c..%5cmetrics',
    '/api/discussions/%zz',
    '/api/discussions/%00',
  ])
    test(`${path} leads out of the prefix or is malformed: 400, and no service sees it`, async () => {
      await using upstream = await startUpstream()
      await using gateway = await startGateway({ discussions: [upstream.url] })
      assert.equal((await getRaw(gateway.port, path)).statusCode, 400)
      assert.equal(upstream.requests.length, 0)
    })

  test('a path of no service is a 404 problem, for every method', async () => {
    await using gateway = await startGateway()
    for (const method of ['GET', 'POST', 'DELETE']) {
      const response = await fetch(`${gateway.url}/api/nothing/here`, { method })
      assert.equal(response.status, 404)
      assert.equal((await problemOf(response)).code, 'MR_HTTP_NO_ROUTE')
    }
    const similar = await fetch(`${gateway.url}/api/discussionsandmore`)
    assert.equal(similar.status, 404)
  })
})

suite('headers', () => {
  test('who, correlation and way are ours alone; hop-by-hop and cookies stay here', async () => {
    await using upstream = await startUpstream()
    await using gateway = await startGateway({ discussions: [upstream.url] })
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    httpRequest(
      `${gateway.url}/api/discussions/threads`,
      {
        headers: {
          'x-user-id': 'root',
          'x-correlation-id': 'not a uuid',
          'x-forwarded-for': '6.6.6.6',
          'x-forwarded-whatever': 'x',
          forwarded: 'for=6.6.6.6',
          cookie: 'millrace_demo_user=grace; session=secret',
          connection: 'keep-alive, x-hop, x-user-id',
          'x-hop': '1',
          'keep-alive': 'timeout=1',
          te: 'trailers',
          'proxy-authorization': 'secret',
          authorization: 'Bearer token',
          'x-custom': 'kept',
        },
      },
      resolve,
    )
      .on('error', reject)
      .end()
    const response = await promise
    response.resume()
    const headers = upstream.requests[0]?.headers ?? {}
    assert.equal(headers['x-user-id'], 'grace')
    assert.match(String(headers['x-correlation-id']), /^[0-9a-f-]{36}$/)
    assert.equal(response.headers['x-correlation-id'], headers['x-correlation-id'])
    assert.match(String(headers['traceparent']), /^00-/)
    assert.equal(headers['x-forwarded-for'], '127.0.0.1')
    assert.equal(headers['x-forwarded-proto'], 'http')
    assert.equal(headers['authorization'], 'Bearer token')
    assert.equal(headers['x-custom'], 'kept')
    for (const name of [
      'x-forwarded-whatever',
      'forwarded',
      'cookie',
      'x-hop',
      'keep-alive',
      'te',
      'proxy-authorization',
    ])
      assert.equal(headers[name], undefined, name)
  })

  test('the correlation id of the client is kept when it is one', async () => {
    await using upstream = await startUpstream()
    await using gateway = await startGateway({ discussions: [upstream.url] })
    const correlationId = '0191e0a0-0000-7000-8000-000000000001'
    const response = await fetch(`${gateway.url}/api/discussions/x`, {
      headers: { 'x-correlation-id': correlationId },
    })
    assert.equal(response.headers.get('x-correlation-id'), correlationId)
    assert.equal(upstream.requests[0]?.headers['x-correlation-id'], correlationId)
  })

  test('status, problem and headers of the service come back as they are', async () => {
    await using upstream = await startUpstream((_request, response) => {
      response.writeHead(409, { 'content-type': 'application/problem+json', 'x-own': '1' })
      response.end('{"code":"MR_X"}')
    })
    await using gateway = await startGateway({ discussions: [upstream.url] })
    const response = await fetch(`${gateway.url}/api/discussions/x`)
    assert.equal(response.status, 409)
    assert.equal(response.headers.get('x-own'), '1')
    assert.equal((await problemOf(response)).code, 'MR_X')
  })

  test('no other origin is let in', async () => {
    await using upstream = await startUpstream()
    await using gateway = await startGateway({ discussions: [upstream.url] })
    const response = await fetch(`${gateway.url}/api/discussions/x`, {
      headers: { origin: 'http://evil.example' },
    })
    assert.equal(response.headers.get('access-control-allow-origin'), null)
    assert.equal(response.headers.get('x-content-type-options'), 'nosniff')
    assert.equal(response.headers.get('x-frame-options'), 'DENY')
  })
})

suite('bodies', () => {
  test('any content type passes, bytes unchanged', async () => {
    const bytes = Buffer.from([0, 255, 254, 10, 13, 123])
    const received = Promise.withResolvers<Buffer>()
    await using upstream = await startUpstream((_request, response, body) => {
      received.resolve(body)
      response.end()
    })
    await using gateway = await startGateway({ discussions: [upstream.url] })
    await fetch(`${gateway.url}/api/discussions/x`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: bytes,
    })
    assert.deepEqual(await received.promise, bytes)
  })

  test('a body is passed on while it still comes', async () => {
    const firstChunk = Promise.withResolvers<string>()
    await using upstream = await startRawUpstream((request, response) => {
      request.once('data', (chunk: Buffer) => firstChunk.resolve(chunk.toString()))
      request.on('end', () => response.end('done'))
    })
    await using gateway = await startGateway({ discussions: [upstream.url] })
    const answered = Promise.withResolvers<IncomingMessage>()
    const request = httpRequest(
      `${gateway.url}/api/discussions/x`,
      { method: 'POST', headers: json },
      answered.resolve,
    )
    request.write('first')
    assert.equal(await firstChunk.promise, 'first')
    request.end('last')
    assert.equal((await answered.promise).statusCode, 200)
  })

  test('over the limit by its length: 413, and no service sees it', async () => {
    await using upstream = await startUpstream()
    await using gateway = await startGateway({
      discussions: [upstream.url],
      env: { GATEWAY_BODY_LIMIT_BYTES: '10000' },
    })
    const response = await fetch(`${gateway.url}/api/discussions/x`, {
      method: 'POST',
      headers: json,
      body: 'x'.repeat(10_001),
    })
    assert.equal(response.status, 413)
    assert.equal((await problemOf(response)).code, 'MR_HTTP_BODY_TOO_LARGE')
    assert.equal(upstream.requests.length, 0)
  })

  test('over the limit without a length: 413', async () => {
    await using upstream = await startUpstream()
    await using gateway = await startGateway({
      discussions: [upstream.url],
      env: { GATEWAY_BODY_LIMIT_BYTES: '10000' },
    })
    const response = await fetch(`${gateway.url}/api/discussions/x`, {
      method: 'POST',
      headers: json,
      body: new ReadableStream({
        async pull(controller) {
          await turn()
          controller.enqueue(new TextEncoder().encode('x'.repeat(5000)))
        },
      }),
      duplex: 'half',
    })
    assert.equal(response.status, 413)
    assert.equal((await problemOf(response)).code, 'MR_HTTP_BODY_TOO_LARGE')
  })

  test("a service's own 413, given before it read the body, reaches the client", async () => {
    await using service = await startService(strictService, { logger: silentLogger })
    await using gateway = await startGateway({ discussions: [service.url] })
    for (const origin of [service.url, gateway.url]) {
      for (const sizeBytes of [1001, 300_000, 4_000_000, 300_000, 1_000_000]) {
        const response = await fetch(`${origin}/api/discussions/x`, {
          method: 'POST',
          headers: json,
          body: 'x'.repeat(sizeBytes),
        })
        assert.equal(response.status, 413, `${sizeBytes} bytes to ${origin}`)
        assert.equal((await problemOf(response)).code, 'MR_HTTP_BODY_TOO_LARGE')
      }
    }
  })

  test('a request refused here before its body was read leaves the connection usable', async () => {
    await using upstream = await startUpstream()
    await using gateway = await startGateway({ discussions: [upstream.url] })
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const statuses: (number | undefined)[] = []
    for (const user of ['nobody', 'ada', 'nobody', 'ada']) {
      const answered = Promise.withResolvers<IncomingMessage>()
      const sent = Promise.withResolvers<void>()
      const request = httpRequest(
        `${gateway.url}/api/discussions/x`,
        { agent, method: 'POST', headers: { ...json, 'x-demo-user': user } },
        answered.resolve,
      ).on('error', answered.reject)
      request.end('x'.repeat(1_000_000), () => sent.resolve())
      const response = await answered.promise
      statuses.push(response.statusCode)
      await Promise.all([once(response.resume(), 'end'), sent.promise])
    }
    agent.destroy()
    assert.deepEqual(statuses, [400, 200, 400, 200])
  })

  test('a client that breaks off its body ends the request upstream', async () => {
    const aborted = Promise.withResolvers<void>()
    const begun = Promise.withResolvers<void>()
    await using upstream = await startRawUpstream((request) => {
      request.once('data', () => begun.resolve())
      request.once('close', () => aborted.resolve())
      request.on('error', () => {})
    })
    await using gateway = await startGateway({ discussions: [upstream.url] })
    const socket = connect(gateway.port, '127.0.0.1')
    await once(socket, 'connect')
    socket.write(
      'POST /api/discussions/x HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{"half',
    )
    await begun.promise
    socket.destroy()
    await aborted.promise
    assert.equal((await fetch(`${gateway.url}/health/live`)).status, 200)
  })
})

suite('services that are down or slow', () => {
  for (const method of ['GET', 'POST'])
    test(`${method} to a service that is down: 503 with Retry-After, naming it`, async () => {
      await using gateway = await startGateway()
      const response = await fetch(`${gateway.url}/api/discussions/threads`, {
        method,
        ...(method === 'POST' ? { headers: json, body: '{"a":1}' } : {}),
      })
      assert.equal(response.status, 503)
      assert.equal(response.headers.get('retry-after'), '1')
      const problem = await problemOf(response)
      assert.equal(problem.code, 'MR_GATEWAY_SERVICE_DOWN')
      assert.match(problem.detail, /^discussions does not answer just now\. Nothing was changed/)
    })

  test('a POST of 4 MB to a service that is down is answered too', async () => {
    await using gateway = await startGateway()
    const response = await fetch(`${gateway.url}/api/discussions/threads`, {
      method: 'POST',
      headers: json,
      body: 'x'.repeat(4_000_000),
    })
    assert.equal(response.status, 503)
  })

  test('a service that never answers: 504 after the limit, and the request upstream ends', async () => {
    const closed = Promise.withResolvers<void>()
    await using upstream = await startRawUpstream((request) => {
      request.socket.once('close', () => closed.resolve())
    })
    await using gateway = await startGateway({
      discussions: [upstream.url],
      env: { GATEWAY_UPSTREAM_TIMEOUT: '150ms' },
    })
    const response = await fetch(`${gateway.url}/api/discussions/threads`)
    assert.equal(response.status, 504)
    assert.equal((await problemOf(response)).code, 'MR_GATEWAY_TIMEOUT')
    await closed.promise
  })

  test('a service that dies at work: 503 that says it may have happened', async () => {
    await using upstream = await startRawUpstream((request) => void request.socket.destroy())
    await using gateway = await startGateway({ discussions: [upstream.url] })
    const response = await fetch(`${gateway.url}/api/discussions/threads`, {
      method: 'POST',
      headers: json,
      body: '{}',
    })
    assert.equal(response.status, 503)
    assert.match((await problemOf(response)).detail, /may have happened/)
  })

  test("a service's own 503 is passed on once, not asked again and again", async () => {
    await using upstream = await startUpstream((_request, response) => {
      response.writeHead(503, { 'retry-after': '1', 'content-type': 'application/problem+json' })
      response.end('{"code":"MR_HTTP_STARTING"}')
    })
    await using gateway = await startGateway({ discussions: [upstream.url] })
    const response = await fetch(`${gateway.url}/api/discussions/threads`)
    assert.equal(response.status, 503)
    assert.equal(response.headers.get('retry-after'), '1')
    assert.equal(upstream.requests.length, 1)
  })

  test('a service that comes back is used again', async () => {
    const first = await startUpstream()
    await using gateway = await startGateway({ discussions: [first.url] })
    assert.equal((await fetch(`${gateway.url}/api/discussions/x`)).status, 200)
    await first.kill()
    assert.equal((await fetch(`${gateway.url}/api/discussions/x`)).status, 503)
    await using second = await startUpstream(undefined, { port: first.port })
    await eventually(
      'it answers again',
      async () => (await fetch(`${gateway.url}/api/discussions/x`)).status === 200,
    )
    assert.ok(second.requests.length > 0)
  })
})

suite('several instances', () => {
  test('are taken in turn', async () => {
    await using one = await startUpstream()
    await using two = await startUpstream()
    await using gateway = await startGateway({ analytics: [one.url, two.url] })
    for (let count = 0; count < 10; count++) await fetch(`${gateway.url}/api/analytics/x`)
    assert.deepEqual([one.requests.length, two.requests.length], [5, 5])
  })

  test('one that is down is passed over, and no reader notices', async () => {
    await using alive = await startUpstream()
    await using gateway = await startGateway({ analytics: [nowhere, alive.url, nowhere] })
    for (let count = 0; count < 10; count++)
      assert.equal((await fetch(`${gateway.url}/api/analytics/x`)).status, 200)
    assert.equal(alive.requests.length, 10)
  })

  test('one that still starts is left alone for a second after it said so', async () => {
    await using starting = await startUpstream((_request, response) => {
      response.statusCode = 503
      response.end('{}')
    })
    await using alive = await startUpstream()
    await using gateway = await startGateway({ analytics: [starting.url, alive.url] })
    for (let count = 0; count < 10; count++) await fetch(`${gateway.url}/api/analytics/x`)
    assert.ok(starting.requests.length <= 2, `${starting.requests.length} of 10`)
  })

  test('failures are counted by service and kind', async () => {
    await using gateway = await startGateway()
    await fetch(`${gateway.url}/api/analytics/x`)
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text()
    assert.match(metrics, /mr_gateway_upstream_failures_total\{.*kind="connect".*\} 1/)
    assert.match(metrics, /route="\/api\/analytics\/\*",status="503"/)
  })

  test('all down: 503, not a hang', async () => {
    await using gateway = await startGateway({ analytics: [nowhere, 'http://127.0.0.1:2'] })
    assert.equal((await fetch(`${gateway.url}/api/analytics/x`)).status, 503)
  })
})

suite('event streams', () => {
  test('events pass one by one as they are sent, and an abort of the client reaches the service', async () => {
    const closed = Promise.withResolvers<void>()
    const opened = Promise.withResolvers<(text: string) => void>()
    await using upstream = await startRawUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
      response.flushHeaders()
      response.once('close', () => closed.resolve())
      opened.resolve((text) => void response.write(text))
    })
    await using gateway = await startGateway({ analytics: [upstream.url] })
    const answered = Promise.withResolvers<IncomingMessage>()
    const request = get(`${gateway.url}/api/analytics/stream?threadId=1`, answered.resolve)
    const response = await answered.promise
    assert.equal(response.headers['content-type'], 'text/event-stream')
    const send = await opened.promise
    for (const count of [1, 2, 3]) {
      const arrived = once(response, 'data')
      send(`data: ${count}\n\n`)
      assert.equal(String((await arrived)[0]), `data: ${count}\n\n`)
    }
    request.destroy()
    await closed.promise
  })

  test('shutdown of the gateway does not wait for streams for ever', async () => {
    await using upstream = await startRawUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: 1\n\n')
    })
    const gateway = await startGateway({ analytics: [upstream.url] })
    const answered = Promise.withResolvers<IncomingMessage>()
    get(`${gateway.url}/api/analytics/stream`, answered.resolve).on('error', () => {})
    const response = await answered.promise
    response.on('error', () => {}).resume()
    const startedMs = performance.now()
    await gateway.close()
    assert.ok(performance.now() - startedMs < 4_900, 'before requests are cut off, at 5 s')
  })
})
