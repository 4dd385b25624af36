import assert from 'node:assert/strict'
import { get, type IncomingMessage } from 'node:http'
import { suite, test } from 'node:test'
import { eventually } from '@millrace/core/testing'
import {
  defineService,
  sendEvents,
  startService,
  type EventSource,
  type RunningService,
  type SendEventsOptions,
} from './index.ts'
import { recordingLogger } from '../test/recording-logger.ts'

async function serve(
  source: EventSource,
  options?: SendEventsOptions,
): Promise<RunningService & { readonly lines: ReturnType<typeof recordingLogger>['lines'] }> {
  const { logger, lines } = recordingLogger()
  const definition = defineService({
    name: 'stream-test',
    version: '1',
    description: 'Streams.',
    config: {},
    setup({ app }) {
      app.get('/stream', async (_request, reply) => sendEvents(reply, source, options))
    },
  })
  const service = await startService(definition, { logger })
  await service.ready
  return Object.assign(service, { lines })
}

function open(service: RunningService): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(`${service.url}/stream`, resolve).on('error', reject)
  })
}

suite('sendEvents', () => {
  test('sends id, name and data, text over several lines, and ends with its source', async () => {
    await using service = await serve(
      (async function* () {
        yield { event: 'aggregate', id: '7', data: { viewCount: 1 } }
        yield { data: 'two\nlines' }
      })(),
    )
    const response = await fetch(`${service.url}/stream`)
    assert.equal(response.headers.get('content-type'), 'text/event-stream; charset=utf-8')
    assert.match(response.headers.get('x-correlation-id') ?? '', /^[0-9a-f-]{36}$/)
    assert.equal(
      await response.text(),
      'retry: 1000\n\nid: 7\nevent: aggregate\ndata: {"viewCount":1}\n\ndata: two\ndata: lines\n\n',
    )
  })

  test('a name with a line break cannot forge a line', async () => {
    await using service = await serve(
      (async function* () {
        yield { event: 'a\ndata: forged', data: 1 }
      })(),
    )
    assert.match(await (await fetch(`${service.url}/stream`)).text(), /^event: a data: forged$/m)
  })

  test('the source hears when the client goes', async () => {
    const aborted = Promise.withResolvers<void>()
    await using service = await serve(async function* (signal) {
      signal.addEventListener('abort', () => aborted.resolve())
      yield { data: 1 }
      await new Promise(() => {})
    })
    const response = await open(service)
    response.destroy()
    await aborted.promise
  })

  test('a heartbeat goes out while nothing else does', async () => {
    await using service = await serve(
      async function* () {
        yield { data: 1 }
        await new Promise(() => {})
      },
      { heartbeatMs: 20 },
    )
    const response = await open(service)
    let text = ''
    response.on('data', (chunk: Buffer) => (text += chunk.toString()))
    await eventually('two heartbeats', () => (text.match(/: still here/g)?.length ?? 0) >= 2)
    response.destroy()
  })

  test('a client that does not read holds its source back', async () => {
    let sent = 0
    const data = 'x'.repeat(64 * 1024)
    await using service = await serve(async function* () {
      for (;;) {
        sent++
        yield { data }
      }
    })
    const response = await open(service)
    response.pause()
    let before = -1
    await eventually(
      'the source stands still',
      () => {
        const isStill = sent > 0 && sent === before
        before = sent
        return isStill
      },
      { everyMs: 100 },
    )
    assert.ok(sent < 1000, `${sent} events of 64 KiB were taken for a client that reads nothing`)
    response.destroy()
  })

  test('shutdown ends open streams', async () => {
    const service = await serve(async function* () {
      yield { data: 1 }
      await new Promise(() => {})
    })
    const response = await open(service)
    const ended = new Promise<void>((resolve) => response.once('close', () => resolve()))
    response.resume()
    const startedMs = performance.now()
    await service.close()
    await ended
    assert.ok(performance.now() - startedMs < 4_900, 'before requests are cut off, at 5 s')
  })

  test('a source that throws ends the stream, is logged, and the service goes on', async () => {
    await using service = await serve(
      (async function* () {
        yield { data: 1 }
        throw new Error('the source broke')
      })(),
    )
    await (await fetch(`${service.url}/stream`)).text()
    assert.ok(
      service.lines.some(
        (line) =>
          line.level === 'error' && String(line.fields['error']).includes('the source broke'),
      ),
    )
    assert.equal((await fetch(`${service.url}/health/live`)).status, 200)
  })
})
