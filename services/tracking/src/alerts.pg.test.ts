import assert from 'node:assert/strict'
import { test } from 'node:test'
import { trackingAlertEvents } from '@millrace/contracts'
import { noopMeter, silentLogger, systemClock } from '@millrace/core'
import { testDatabase } from '@millrace/embedded/testing'
import { ContractRegistry, type EventEnvelope } from '@millrace/events'
import { createOutbox } from '@millrace/outbox'
import { migrate, openDatabase } from '@millrace/postgres'
import { AlertMonitor } from './alerts/alert-monitor.ts'
import type { ServiceFigures } from './domain/alert-rules.ts'
import { listAlerts } from './sql/alerts.ts'

const quiet: ServiceFigures = {
  service: 'shop',
  outage: null,
  pending: 0,
  oldestPendingAgeMs: null,
  processing: 0,
  parked: 0,
  failed: 0,
  handled: 10,
}

async function openMonitors() {
  const home = await testDatabase()
  const database = openDatabase({ url: home.url, applicationName: 'alerts-test' })
  const outbox = createOutbox({
    database,
    serviceName: 'tracking',
    contracts: new ContractRegistry(trackingAlertEvents),
  })
  await outbox.migrate()
  await migrate(database, {
    name: 'tracking',
    directory: new URL('../migrations/', import.meta.url),
  })
  let figures: ServiceFigures = quiet
  const monitor = (): AlertMonitor =>
    new AlertMonitor({
      readFigures: () => Promise.resolve([figures]),
      database,
      outbox,
      thresholds: {
        pendingCount: 10,
        pendingAgeMs: 60_000,
        processingCount: 10,
        failurePercent: 5,
      },
      intervalMs: 1_000,
      holdMs: 0,
      logger: silentLogger,
      meter: noopMeter,
      clock: systemClock,
    })
  return {
    database,
    monitor,
    set: (given: Partial<ServiceFigures>) => void (figures = { ...quiet, ...given }),
    events: async (): Promise<readonly EventEnvelope<Record<string, unknown>>[]> =>
      (await outbox.listEvents()).toReversed().map((row) => JSON.parse(row.payload) as never),
    async [Symbol.asyncDispose]() {
      await database.close()
      await home[Symbol.asyncDispose]()
    },
  }
}

test('alerts: one event when it begins, one when it ends, none in between; a story of their own each', async () => {
  await using house = await openMonitors()
  const monitor = house.monitor()
  await monitor.look()
  assert.deepEqual(await house.events(), [])
  house.set({ pending: 11, oldestPendingAgeMs: 5 })
  for (let look = 0; look < 3; look++) await monitor.look()
  // Between the threshold and 80 % of it nothing changes.
  house.set({ pending: 9, oldestPendingAgeMs: 5 })
  await monitor.look()
  house.set({ pending: 8, oldestPendingAgeMs: 5 })
  for (let look = 0; look < 2; look++) await monitor.look()
  house.set({ pending: 12, oldestPendingAgeMs: 5 })
  await monitor.look()
  const events = await house.events()
  assert.deepEqual(
    events.map((event) => [event.eventType, event.data['alertId'], event.data['value']]),
    [
      ['alert_raised', 'pending-count:shop', 11],
      ['alert_recovered', 'pending-count:shop', 8],
      ['alert_raised', 'pending-count:shop', 12],
    ],
  )
  assert.equal(events[0]?.correlationId, events[1]?.correlationId)
  assert.notEqual(events[1]?.correlationId, events[2]?.correlationId)
  assert.equal(events[0]?.data['raisedAt'], events[1]?.data['raisedAt'])
  const [row] = await listAlerts(house.database, 10)
  assert.deepEqual([row?.isRaised, row?.raisedCount], [true, 2])
})

test('alerts: several instances and restarts neither raise one twice nor forget its end', async () => {
  await using house = await openMonitors()
  house.set({
    outage: 'connection refused',
    pending: null,
    processing: null,
    failed: null,
    handled: null,
  })
  await Promise.all([house.monitor().look(), house.monitor().look(), house.monitor().look()])
  house.set({})
  const restarted = [house.monitor(), house.monitor()]
  await Promise.all(restarted.map((each) => each.look()))
  assert.deepEqual(
    (await house.events()).map((event) => [event.eventType, event.data['rule']]),
    [
      ['alert_raised', 'outage'],
      ['alert_recovered', 'outage'],
    ],
  )
})
