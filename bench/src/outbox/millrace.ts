import { uuidv7 } from '@millrace/core'
import { createEvent, defineEvent } from '@millrace/events'
import { createOutbox, type OutboxTransaction, type Relay } from '@millrace/outbox'
import { openDatabase } from '@millrace/postgres'
import { Type } from 'typebox'
import { packedReceipts } from '../../../packages/outbox/test/packed-receipts.ts'
import { serveChild } from '../child.ts'
import {
  brokers,
  databaseUrl,
  orderData,
  topic,
  writeAll,
  writeAtPace,
  writeBacklog,
  type InsertEvents,
  type Pace,
} from './workload.ts'

/** Ours, writer or relay: the suite starts one process for each. */
const database = openDatabase({
  url: databaseUrl,
  applicationName: 'bench',
  maxConnections: 16,
  // To clean up behind ten million rows takes a minute.
  statementTimeoutMs: 600_000,
})
const outbox = createOutbox({ database, serviceName: 'bench' })
const placed = defineEvent({
  eventType: 'bench_order_placed',
  version: 1,
  topic,
  aggregateType: 'order',
  description: 'An order of the benchmark.',
  data: Type.Object({ orderId: Type.String(), note: Type.String() }),
})

function publish(tx: OutboxTransaction, index: number): string {
  const data = orderData(index)
  const event = createEvent({
    contract: placed,
    source: 'bench',
    aggregateId: data.orderId,
    aggregateVersion: 1,
    data,
    context: { correlationId: uuidv7(), causationId: null },
  })
  tx.publish(event, { topic, key: data.orderId })
  return event.eventId
}

const insert: InsertEvents = (first, count) =>
  outbox.transaction((tx) =>
    Promise.resolve(Array.from({ length: count }, (_, n) => publish(tx, first + n))),
  )

const historyBatch = 100_000
/** The time that history is of: all of it lies in one day's partition, or two about midnight. */
const historySpanMs = 1_200_000

/** So many events that were published long ago, with their receipts as a relay packs them. */
async function writeHistory(rows: number): Promise<void> {
  const endMs = Date.now()
  let next = 0
  const write = async (): Promise<void> => {
    while (next < rows) {
      const from = next
      next += historyBatch
      const to = Math.min(rows, next) - 1
      await database.query(
        `with written as (
           insert into outbox.event_production_data (event_id, slot, schema_version, max_retries, aggregate_version, occurred_at,
             correlation_id, service_name, topic, event_key, event_type, aggregate_type, aggregate_id, payload)
           select rpad(lpad(to_hex($3::bigint - $4::bigint * ($5 - n) / $5), 12, '0') || '70008' || lpad(to_hex(n), 7, '0'), 32, '0')::uuid,
             n % 16, 1, 5, 1, now(), gen_random_uuid(), 'bench', $6, 'order-' || n % 1000, 'bench_order_placed', 'order',
             'order-' || n % 1000, '{"text":"' || repeat('x', 376) || '"}'
           from generate_series($1::bigint, $2::bigint) n
           returning event_id, id
         )
         ${packedReceipts('written', 128)}`,
        [from, to, endMs, historySpanMs, rows, topic],
      )
    }
  }
  await Promise.all([write(), write()])
  await database.query('update outbox.relay_lane set prev = pg_current_snapshot()')
  await database.query('vacuum analyze outbox.event_production_data, outbox.event_delivery_chunk')
  await database.query('checkpoint')
}

const insertOrder = 'insert into business_order (id, note) values ($1, $2)'

let relay: Relay | undefined

serveChild({
  install: async () => {
    await outbox.migrate()
    await database.query('create table business_order (id text primary key, note text not null)')
  },
  history: writeHistory,
  backlog: (count: number) => writeBacklog(count, insert),
  pace: (pace: Pace) => writeAtPace(pace, insert),
  /** One business row, with or without its event. */
  transactions: (request: {
    readonly transactions: number
    readonly writers: number
    readonly isPublishing: boolean
  }) =>
    writeAll(request, (index) =>
      request.isPublishing
        ? outbox.transaction(async (tx) => {
            await tx.query(insertOrder, [uuidv7(), orderData(index).note])
            publish(tx, index)
          })
        : database.transaction((tx) => tx.query(insertOrder, [uuidv7(), orderData(index).note])),
    ),
  startRelay: (delivery: 'exactly-once' | 'at-least-once') => {
    relay = outbox.createRelay({ kafka: { brokers, clientId: 'bench-relay' }, delivery })
    relay.start()
    return Promise.resolve()
  },
  stopRelay: () => relay?.close() ?? Promise.resolve(),
})
