import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ordersTopic, paymentOrdersTopic, stockOrdersTopic } from '@millrace/contracts'
import { systemClock } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { createAdmin, createProducer } from '@millrace/kafka'
import { kafkaBackends } from '@millrace/testkit'
import { deliverTwice, sendPoison } from './broker-acts.ts'
import { OrderWatch } from './order-watch.ts'

for (const backend of await kafkaBackends())
  test(`lab: what is delivered twice and what nobody can read is seen as such, on ${backend.name}`, async () => {
    const broker = await backend.start()
    try {
      const kafka = { brokers: broker.brokers, clientId: 'lab-test' }
      await using admin = await createAdmin(kafka)
      await admin.ensureTopics([ordersTopic, paymentOrdersTopic, stockOrdersTopic])
      assert.equal(await deliverTwice(kafka), 0, 'nothing there yet')
      await using producer = await createProducer(kafka)
      const value = JSON.stringify({
        eventId: 'e1',
        eventType: 'ORDER_PLACED',
        aggregateId: '7',
        data: { status: 'NEW' },
      })
      await producer.send([{ topic: ordersTopic.name, key: 'k', value, partition: 4 }])
      await using watch = new OrderWatch(() => broker.brokers[0] as string, systemClock)
      await eventually('the order is seen', () => watch.look().placed === 1)
      assert.equal(await deliverTwice(kafka), 1)
      await eventually('the repeat is seen', () => watch.look().repeats === 1)
      const poison = await sendPoison(kafka)
      await eventually('all poison is seen', () => watch.look().unreadable === poison)
      const { placed, open, fault } = watch.look()
      assert.deepEqual({ placed, open, fault }, { placed: 1, open: 1, fault: null })
    } finally {
      await broker.stop()
    }
  })
