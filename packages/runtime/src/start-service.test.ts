import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { suite, test } from 'node:test'
import { MillraceError } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { defineService, startService, type RunningService, type ServiceContext } from './index.ts'
import { recordingLogger } from '../test/recording-logger.ts'

class AwayError extends MillraceError {
  constructor() {
    super('MR_TEST_AWAY', true, 'the database does not answer')
  }
}

function start(
  setup: (context: ServiceContext) => void | Promise<void>,
  overrides: { readonly port?: number } = {},
): Promise<RunningService> {
  const definition = defineService({
    name: 'life-test',
    version: '1',
    description: 'Lives and ends.',
    config: {},
    setup,
  })
  return startService(definition, { logger: recordingLogger().logger, overrides })
}

async function readyBody(service: RunningService) {
  const response = await fetch(`${service.url}/health/ready`)
  return {
    status: response.status,
    body: (await response.json()) as {
      status: string
      parts: { name: string; state: string; reason: string }[]
    },
  }
}

suite('start', () => {
  test('live at once, ready and routes only when the start hooks are done', async () => {
    const gate = Promise.withResolvers<void>()
    await using service = await start(({ app, onStart }) => {
      app.get('/api/x', async () => ({ isServed: true }))
      app.get('/early', { config: { availableWhileStarting: true } }, async () => ({}))
      onStart(() => gate.promise, 'migrations')
    })
    assert.equal((await fetch(`${service.url}/health/live`)).status, 200)
    assert.equal((await fetch(`${service.url}/early`)).status, 200)
    const starting = await readyBody(service)
    assert.equal(starting.status, 503)
    assert.deepEqual(starting.body.parts, [
      { name: 'start', state: 'starting', reason: 'migrations' },
    ])
    const refused = await fetch(`${service.url}/api/x`)
    assert.equal(refused.status, 503)
    assert.equal(refused.headers.get('retry-after'), '1')
    assert.equal(((await refused.json()) as { code: string }).code, 'MR_HTTP_STARTING')
    assert.equal((await fetch(`${service.url}/api/unknown`)).status, 404)
    gate.resolve()
    await service.ready
    assert.equal((await readyBody(service)).status, 200)
    assert.deepEqual(await (await fetch(`${service.url}/api/x`)).json(), { isServed: true })
  })

  test('a retryable fault of a start hook is tried again, in order, and its reason shown', async () => {
    const order: string[] = []
    let isAway = true
    await using service = await start(({ onStart }) => {
      onStart(() => {
        order.push('first')
        if (isAway) throw new AwayError()
      }, 'database')
      onStart(() => void order.push('second'), 'consumer')
    })
    await eventually('the reason is shown', async () =>
      (await readyBody(service)).body.parts[0]?.reason.includes('does not answer'),
    )
    isAway = false
    await service.ready
    assert.equal(order.at(-1), 'second')
    assert.equal(order.filter((name) => name === 'second').length, 1)
  })

  test('any other fault fails the start for good; the service says so and keeps answering', async () => {
    await using service = await start(({ app, onStart }) => {
      app.get('/api/x', async () => ({}))
      onStart(() => Promise.reject(new Error('schema is newer than this code')), 'migrations')
    })
    await assert.rejects(service.ready, { code: 'MR_RUNTIME_START_FAILED' })
    const { status, body } = await readyBody(service)
    assert.equal(status, 503)
    assert.equal(body.status, 'failed')
    assert.match(body.parts[0]?.reason ?? '', /schema is newer/)
    assert.equal((await fetch(`${service.url}/api/x`)).status, 503)
  })

  test('a taken port is named, and what setup opened is closed', async () => {
    await using first = await start(() => {})
    let isClosed = false
    await assert.rejects(
      start(({ onClose }) => onClose(() => void (isClosed = true)), { port: first.port }),
      (error: MillraceError) =>
        error.code === 'MR_RUNTIME_PORT_TAKEN' && error.message.includes(String(first.port)),
    )
    assert.ok(isClosed)
  })
})

suite('readiness', () => {
  for (const row of [
    { name: 'nothing returned is up', check: () => {}, state: 'up', reason: null },
    { name: 'true is up', check: () => true, state: 'up', reason: null },
    {
      name: 'a throw is down, with its message',
      check: () => Promise.reject(new Error('gone')),
      state: 'down',
      reason: 'gone',
    },
    {
      name: 'a text is the reason',
      check: () => 'lag is unknown',
      state: 'down',
      reason: 'lag is unknown',
    },
    { name: 'false is down', check: () => false, state: 'down', reason: 'not ready' },
  ])
    test(row.name, async () => {
      await using service = await start(({ addReadiness }) => addReadiness('part', row.check))
      const { parts } = await eventually('the start is over', async () => {
        const report = await service.readiness()
        return report.status !== 'starting' && report
      })
      assert.deepEqual(parts, [{ name: 'part', state: row.state, reason: row.reason }])
      assert.equal(await service.isReady(), row.state === 'up')
    })

  test('a check that hangs is down after its limit and is asked to stop', async () => {
    let isAborted = false
    await using service = await start(({ addReadiness }) =>
      addReadiness('part', (signal) => {
        signal.addEventListener('abort', () => (isAborted = true))
        return new Promise<void>(() => {})
      }),
    )
    const { parts } = await service.readiness()
    assert.match(
      parts.find((part) => part.name === 'part')?.reason ?? '',
      /no answer within 2000 ms/,
    )
    assert.ok(isAborted)
  })
})

suite('close', () => {
  test('a connection over which nothing was asked does not hold up the end', async () => {
    const service = await start(() => {})
    const socket = connect(service.port, '127.0.0.1')
    await once(socket, 'connect')
    // The server learns of it with the next request at the latest.
    await fetch(`${service.url}/health/live`)
    const startedAtMs = performance.now()
    await service.close()
    assert.ok(performance.now() - startedAtMs < 4_900, 'before requests are cut off, at 5 s')
    socket.destroy()
  })

  test('running requests finish, new ones are refused, hooks run backwards, all once', async () => {
    const gate = Promise.withResolvers<void>()
    const entered = Promise.withResolvers<void>()
    const order: string[] = []
    const service = await start(({ app, onClose }) => {
      app.get('/slow', async () => {
        entered.resolve()
        await gate.promise
        order.push('request')
        return { isDone: true }
      })
      onClose(() => void order.push('opened first'))
      onClose(() => {
        order.push('opened last')
        throw new Error('a hook that fails does not stop the others')
      })
    })
    await service.ready
    const slow = fetch(`${service.url}/slow`)
    await entered.promise
    const closing = service.close()
    await eventually('new connections are refused', () => isRefused(service.port))
    gate.resolve()
    const response = await slow
    assert.equal(response.headers.get('connection'), 'close')
    assert.deepEqual(await response.json(), { isDone: true })
    await Promise.all([closing, service.close()])
    assert.deepEqual(order, ['request', 'opened last', 'opened first'])
  })

  test('a start that waits is called off', async () => {
    let isAborted = false
    const service = await start(({ onStart }) =>
      onStart(
        (signal) =>
          new Promise((_, reject) => {
            signal.addEventListener('abort', () => {
              isAborted = true
              reject(signal.reason as Error)
            })
          }),
      ),
    )
    await service.close()
    assert.ok(isAborted)
    await assert.rejects(service.ready, { code: 'MR_RUNTIME_CLOSED' })
  })

  test('an idle kept-alive connection does not hold it up', async () => {
    const service = await start(() => {})
    await (await fetch(`${service.url}/health/live`)).text()
    const startedMs = performance.now()
    await service.close()
    assert.ok(performance.now() - startedMs < 4_900, 'before requests are cut off, at 5 s')
  })
})

async function isRefused(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return false
  } catch {
    return true
  } finally {
    socket.destroy()
  }
}
