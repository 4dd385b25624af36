import { uuidv7 } from '@millrace/core'
import { Producer, stringSerializers } from '@platformatic/kafka'
import { Pool } from 'pg'
import { serveChild } from '../child.ts'
import { createProductionLog } from './peer-tables.ts'
import {
  brokers,
  databaseUrl,
  eventJson,
  orderData,
  topic,
  writeAtPace,
  writeBacklog,
  type InsertEvents,
  type Pace,
} from './workload.ts'

/**
 * The requirement's own table with a status to update, relayed in three ways: `poll` is its letter (every 5 s, 100 rows, one by one), `loop`
 * the same without a pause, `batch` the best that can be made of it: 1,000 rows, one send, one UPDATE for each status.
 */
type Way = 'poll' | 'loop' | 'batch'

const pool = new Pool({ connectionString: databaseUrl, max: 16 })
const pauseMs: Readonly<Record<Way, number>> = { poll: 5_000, loop: 0, batch: 0 }
const stopping = new AbortController()
let relaying: Promise<void> | undefined

interface PendingRow {
  readonly id: string
  readonly event_key: string
  readonly payload: string
}

const insert: InsertEvents = async (first, count) => {
  const ids = Array.from({ length: count }, () => uuidv7())
  const indexes = ids.map((_, n) => first + n)
  const keys = indexes.map((index) => orderData(index).orderId)
  const payloads = ids.map((id, n) => eventJson(id, first + n))
  await pool.query({
    name: 'insert',
    text: `insert into event_production_log (event_id, service_name, topic, event_key, event_type, payload, status, correlation_id)
      select id, 'bench', $4, key, 'bench_order_placed', payload, 'PENDING', id from unnest($1::text[], $2::text[], $3::text[]) as e (id, key, payload)`,
    values: [ids, keys, payloads, topic],
  })
  return ids
}

type Sender = Producer<string, string, string, string>

async function relayOneByOne(producer: Sender): Promise<number> {
  const rows = await pending(100)
  for (const row of rows) {
    await mark([row.id], 'PUBLISHING')
    await send(producer, [row])
    await mark([row.id], 'PUBLISHED')
  }
  return rows.length
}

async function relayBatch(producer: Sender): Promise<number> {
  const rows = await pending(1_000)
  if (rows.length === 0) return 0
  const ids = rows.map((row) => row.id)
  await mark(ids, 'PUBLISHING')
  await send(producer, rows)
  await mark(ids, 'PUBLISHED')
  return rows.length
}

async function pending(limit: number): Promise<readonly PendingRow[]> {
  const { rows } = await pool.query<PendingRow>({
    name: 'pending',
    text: `select id, event_key, payload from event_production_log where status = 'PENDING' order by created_at, id limit $1`,
    values: [limit],
  })
  return rows
}

async function mark(ids: readonly string[], status: string): Promise<void> {
  await pool.query({
    name: 'mark',
    text: `update event_production_log set status = $2::text, updated_at = now(), published_at = case $2::text when 'PUBLISHED' then now() end where id = any($1::bigint[])`,
    values: [ids, status],
  })
}

async function send(producer: Sender, rows: readonly PendingRow[]): Promise<void> {
  await producer.send({
    messages: rows.map((row) => ({ topic, key: row.event_key, value: row.payload })),
  })
}

async function relay(way: Way, producer: Sender): Promise<void> {
  while (!stopping.signal.aborted) {
    const count = await (way === 'batch' ? relayBatch(producer) : relayOneByOne(producer))
    const idleMs = count === 0 ? 1 : 0
    await new Promise((resolve) => setTimeout(resolve, Math.max(pauseMs[way], idleMs)))
  }
  await producer.close()
}

serveChild({
  install: () => createProductionLog(pool),
  backlog: (count: number) => writeBacklog(count, insert),
  pace: (pace: Pace) => writeAtPace(pace, insert),
  startRelay: async (way: Way) => {
    const producer: Sender = new Producer({
      clientId: 'bench-relay',
      bootstrapBrokers: brokers,
      serializers: stringSerializers,
      acks: -1,
    })
    await producer.metadata({ topics: [topic] })
    relaying = relay(way, producer)
    relaying.catch((error: unknown) => {
      console.error(error)
      process.exit(1)
    })
  },
  stopRelay: async () => {
    stopping.abort()
    await relaying
  },
})
