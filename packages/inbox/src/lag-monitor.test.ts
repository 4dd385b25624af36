import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { noopMeter, silentLogger, systemClock } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import type { Admin } from '@millrace/kafka'
import { LagMonitor } from './lag-monitor.ts'

test('lag: an outage of many tries leaves nothing behind, and closing ends the request under way', async () => {
  const signals: AbortSignal[] = []
  const clock = {
    ...systemClock,
    sleep: (ms: number, signal?: AbortSignal): Promise<void> => {
      if (signal) signals.push(signal)
      return systemClock.sleep(ms, signal)
    },
  }
  let tries = 0
  const createAdmin = async (): Promise<Admin> => {
    const closed = Promise.withResolvers<never>()
    closed.promise.catch(() => {})
    const isOutage = ++tries < 50
    const close = async (): Promise<void> => closed.reject(new Error('closed'))
    const groupLag = (): Promise<never> =>
      isOutage ? Promise.reject(new Error('away')) : closed.promise
    return { groupLag, close, [Symbol.asyncDispose]: close } as unknown as Admin
  }
  const unused = (): never => assert.fail('only an admin client is needed')
  const monitor = new LagMonitor({
    kafka: { brokers: ['127.0.0.1:1'], clientId: 'test' },
    client: { createAdmin, createConsumer: unused, createProducer: unused },
    groupId: 'group',
    topics: ['topic'],
    intervalMs: 1,
    gauge: noopMeter.gauge({ name: 'lag', help: 'lag' }),
    onMeasured: () => {},
    logger: silentLogger,
    clock,
  })
  monitor.start()
  await eventually('the request that hangs', () => tries === 50)
  assert.equal(getEventListeners(signals[0] as AbortSignal, 'abort').length, 1)
  await monitor.close()
})
