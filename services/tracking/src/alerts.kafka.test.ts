import assert from 'node:assert/strict'
import { test } from 'node:test'
import { trackingAlertEvents, trackingAlertsTopic } from '@millrace/contracts'
import { eventually } from '@millrace/core/testing'
import { ContractRegistry, decodeEvent, type EventEnvelope } from '@millrace/events'
import { createAdmin, createConsumer, createProducer } from '@millrace/kafka'
import { kafkaBackends } from '@millrace/testkit'
import { makeService, startTracking, write } from '../test/tracked-services.ts'

const contracts = new ContractRegistry(trackingAlertEvents)

interface Alerts {
  readonly items: readonly { readonly alertId: string; readonly isRaised: boolean }[]
}

/** The first `count` events of the topic. */
async function readAlerts(
  brokers: readonly string[],
  count: number,
): Promise<readonly EventEnvelope<Record<string, unknown>>[]> {
  const seen: EventEnvelope<Record<string, unknown>>[] = []
  await using consumer = await createConsumer({
    brokers,
    clientId: 'test',
    groupId: `alerts-test-${process.pid}`,
    topics: [trackingAlertsTopic.name],
  })
  for await (const batch of consumer) {
    for (const record of batch.records) {
      const decoded = decodeEvent(record.value, contracts)
      assert.equal(decoded.kind, 'event')
      if (decoded.kind === 'event')
        seen.push(decoded.event as EventEnvelope<Record<string, unknown>>)
    }
    if (seen.length >= count) break
  }
  return seen
}

for (const backend of await kafkaBackends()) {
  test(`alerts on ${backend.name}: a backlog is raised on the topic, then recovered; both are one journey`, async () => {
    await using kafka = await backend.start()
    await using shop = await makeService('shop')
    await Promise.all([write(shop), write(shop)])
    await using tracking = await startTracking([shop], {
      kafkaEnabled: true,
      kafkaBrokers: kafka.brokers,
      alertIntervalMs: 100,
      alertHoldMs: 0,
      alertPendingCount: 1,
    })
    const isRaised = async (wanted: boolean): Promise<boolean> => {
      const { items } = await tracking.get<Alerts>('/alerts')
      const alert = items.find((each) => each.alertId === 'pending-count:shop')
      return alert?.isRaised === wanted
    }
    await eventually('the alert is raised', () => isRaised(true))
    const client = { brokers: kafka.brokers, clientId: 'shop' }
    await using admin = await createAdmin(client)
    await admin.ensureTopics([{ name: 'order-events', partitions: 1 }])
    await using producer = await createProducer(client)
    const relay = shop.outbox.createRelay({ producer })
    relay.start()
    await eventually('the alert is over', () => isRaised(false))
    const alerts = await readAlerts(kafka.brokers, 2)
    assert.deepEqual(
      alerts.map((event) => [event.eventType, event.aggregateId, event.data['threshold']]),
      [
        ['alert_raised', 'pending-count:shop', 1],
        ['alert_recovered', 'pending-count:shop', 1],
      ],
    )
    assert.equal(alerts[0]?.correlationId, alerts[1]?.correlationId)
    await relay.close()
  })
}
