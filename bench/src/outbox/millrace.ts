import { uuidv7 } from '@millrace/core'
import { createEvent, defineEvent } from '@millrace/events'
import { createOutbox, type OutboxTransaction, type Relay } from '@millrace/outbox'
import { openDatabase } from '@millrace/postgres'
import { Type } from 'typebox'
import { serveChild } from '../child.ts'
import { writeHistory } from './history.ts'
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
const database = openDatabase({ url: databaseUrl, applicationName: 'bench', maxConnections: 16 })
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
