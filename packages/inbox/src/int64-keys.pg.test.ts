import assert from 'node:assert/strict'
import { test } from 'node:test'
import { uuidv7 } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { ContractRegistry, createEvent, defineEvent, type EventEnvelope } from '@millrace/events'
import { Type } from 'typebox'
import { dealtWith, openFixture } from '../test/fixture.ts'
import { createOperations } from './operations/operations.ts'
import type { BatchHandler } from './types.ts'

const paid = defineEvent({
  eventType: 'order_paid',
  aggregateType: 'order',
  topic: 'accounts',
  keyFormat: 'int64',
  version: 1,
  description: 'Money came in.',
  data: Type.Object({ amount: Type.Integer() }),
})
const contracts = new ContractRegistry([paid])

function payment(amount: number): EventEnvelope<{ amount: number }> {
  return createEvent({
    contract: paid,
    source: 'test',
    aggregateId: '1',
    aggregateVersion: null,
    data: { amount },
    context: { correlationId: uuidv7(), causationId: null },
  })
}

function amountOf(event: EventEnvelope): number {
  return (event.data as { amount: number }).amount
}

function int64(key: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(key)
  return bytes
}

// Both are 8 bytes that are no UTF-8 text, and equal to each other when they are read as such: as text they would park one another.
const first = -2n
const second = -3n

test('int64 keys: shown in decimal, parked apart, and taken up in order', async () => {
  await using fixture = await openFixture({ contracts })
  // Of committed events alone: a batch with one that fails is handled again in parts.
  const handled: string[] = []
  let isBroken = true
  const handler: BatchHandler = async (events) => {
    if (isBroken && events.some(({ event }) => amountOf(event) === 1)) throw new Error('not yet')
  }
  const events = Array.from({ length: 6 }, (_, amount) => payment(amount))
  for (const [amount, event] of events.entries())
    fixture.kafka.append('accounts', {
      key: int64(amount % 2 ? first : second),
      value: JSON.stringify(event),
      partition: 0,
    })
  const consumer = fixture.consume({
    handler,
    onCommitted: (events) =>
      void handled.push(...events.map(({ event, key }) => `${key}:${amountOf(event)}`)),
    retryBackoff: { baseMs: 600_000, maxMs: 600_000 },
    maxAttempts: 3,
  })
  await eventually('those of the other key are handled, the later ones parked', async () => {
    const { processed, parked } = consumer.stats()
    return processed === 3 && parked === 2
  })
  assert.deepEqual(
    handled.filter((each) => each.startsWith('-3')),
    ['-3:0', '-3:2', '-3:4'],
  )
  const waiting = await fixture.inbox.waitingKeys()
  assert.deepEqual(
    waiting.map(({ key }) => key),
    ['-2'],
  )
  isBroken = false
  handled.length = 0
  await fixture.database.query(
    `update event_consumption_data set next_retry_at = clock_timestamp() where status = 'RECEIVED'`,
  )
  await dealtWith(consumer, 6)
  await eventually('all are told', () => handled.length === 3)
  assert.deepEqual(handled, ['-2:1', '-2:3', '-2:5'])
})

test('int64 keys: a replay hands out the key of before, also of rows that kept no bytes', async () => {
  await using fixture = await openFixture({ contracts })
  const keys: (string | null)[] = []
  const handler: BatchHandler = async (events) => {
    keys.push(...events.map(({ key }) => key))
  }
  // As text it would be of 8 characters, which are 8 bytes too.
  fixture.kafka.append('accounts', {
    key: int64(12_345_678n),
    value: JSON.stringify(payment(1)),
    partition: 0,
  })
  const consumer = fixture.consume({ handler })
  await dealtWith(consumer, 1)
  const operations = createOperations({ database: fixture.database, schema: 'public' })
  const planned = await operations.plan(
    {
      kind: 'replay',
      group: 'ledger',
      topic: 'accounts',
      key: '12345678',
      from: new Date(Date.now() - 600_000),
      to: new Date(Date.now() + 600_000),
    },
    { by: 'test' },
  )
  await operations.confirm(planned.id, { by: 'test', reason: 'a test' })
  await eventually('it was replayed', () => keys.length === 2)
  assert.deepEqual(keys, ['12345678', '12345678'])
})
