import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { suite, test } from 'node:test'
import { eventually } from '@millrace/core/testing'
import { recordingLogger } from '../test/recording-logger.ts'
import { causationOf, defineService, startService } from './index.ts'

interface ExportedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly status: { readonly code?: number; readonly message?: string }
  readonly attributes: readonly { readonly key: string; readonly value: Record<string, unknown> }[]
}

interface ExportRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: ExportedSpan['attributes'] }
    readonly scopeSpans: readonly { readonly spans: readonly ExportedSpan[] }[]
  }[]
}

/** Stands where a collector would: keeps what it is sent. */
async function startCollector() {
  const requests: { readonly path: string; readonly key: unknown; readonly body: ExportRequest }[] =
    []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString()) as ExportRequest
      requests.push({ path: request.url ?? '', key: request.headers['api-key'], body })
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    spans: () =>
      requests.flatMap(({ body }) =>
        body.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)),
      ),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function startTraced(env: Readonly<Record<string, string>>) {
  const definition = defineService({
    name: 'traced',
    version: '1.2.3',
    description: 'Tells what it would publish with.',
    config: {},
    setup({ app }) {
      app.get('/api/things/:id', async (request) => causationOf(request))
      app.get('/api/broken', async () => {
        throw new Error('out of order')
      })
    },
  })
  return startService(definition, { env, logger: recordingLogger().logger })
}

const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
const caller = '00f067aa0ba902b7'

async function causation(url: string, headers: Record<string, string> = {}): Promise<string> {
  const answer = (await (await fetch(url, { headers })).json()) as { readonly traceparent: string }
  return answer.traceparent
}

suite('spans of requests', () => {
  test('continue the caller’s trace, name the route, and are what the request causes belongs to', async () => {
    await using collector = await startCollector()
    await using service = await startTraced({
      OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/`,
      OTEL_EXPORTER_OTLP_HEADERS: 'api-key=a%20secret, tenant=a',
    })
    await service.ready
    const published = await causation(`${service.url}/api/things/7?q=1`, {
      traceparent: `00-${trace}-${caller}-01`,
    })
    assert.equal((await fetch(`${service.url}/api/broken`)).status, 500)
    assert.equal((await fetch(`${service.url}/health/live`)).status, 200)
    await eventually('both spans came', () => collector.spans().length === 2)
    const [asked, broken] = collector.spans()
    assert.ok(asked && broken)
    assert.equal(asked.name, 'GET /api/things/:id')
    assert.equal(asked.kind, 2)
    assert.equal(asked.traceId, trace)
    assert.equal(asked.parentSpanId, caller)
    assert.equal(published, `00-${trace}-${asked.spanId}-01`)
    const attributes = Object.fromEntries(
      asked.attributes.map(({ key, value }) => [key, Object.values(value)[0]]),
    )
    assert.equal(Number(attributes['http.response.status_code']), 200)
    assert.equal(attributes['url.path'], '/api/things/7')
    assert.equal(broken.status.code, 2)
    const [sent] = collector.requests
    assert.equal(sent?.path, '/v1/traces')
    assert.equal(sent.key, 'a secret')
    const resource = sent.body.resourceSpans[0]?.resource.attributes.find(
      ({ key }) => key === 'service.name',
    )
    assert.equal(resource?.value['stringValue'], 'traced')
  })

  test('are not recorded when the caller or the ratio says so, and the context still travels', async () => {
    await using collector = await startCollector()
    await using service = await startTraced({
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_TRACES_SAMPLER_ARG: '0',
    })
    await service.ready
    const url = `${service.url}/api/things/7`
    assert.match(await causation(url), /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/)
    const unsampled = await causation(url, { traceparent: `00-${trace}-${caller}-00` })
    assert.match(unsampled, new RegExp(`^00-${trace}-[0-9a-f]{16}-00$`))
    const sampled = await causation(url, { traceparent: `00-${trace}-${caller}-01` })
    assert.match(sampled, new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`))
    await service.close()
    assert.equal(collector.spans().length, 1)
  })

  test('a collector that is away costs nothing but the spans', async () => {
    await using service = await startTraced({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' })
    await service.ready
    assert.match(await causation(`${service.url}/api/things/7`), /-01$/)
    await service.close()
  })

  test('a ratio that is none is refused at the start', async () => {
    await assert.rejects(
      startTraced({ OTEL_TRACES_SAMPLER_ARG: '2' }),
      /OTEL_TRACES_SAMPLER_ARG: must be at most 1/,
    )
  })
})
