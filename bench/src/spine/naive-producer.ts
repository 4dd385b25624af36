import { uuidv7 } from '@millrace/core'
import { Producer, stringSerializers } from '@platformatic/kafka'
import { Pool } from 'pg'
import { serveChild } from '../child.ts'
import { createNaiveTables } from './naive-schema.ts'
import { paced, type LatencyRequest, type LatencySample } from './pace.ts'

/**
 * The producing side as the requirement describes it: a table of events with a flag; a job that reads what is not yet processed, sends
 * one by one, and updates each row. `pauseMs` 5,000 is the letter of it, 0 its best case.
 */
const pool = new Pool({ connectionString: process.env['DATABASE_URL'], max: 10 })
const topic = 'discussion.events'
const rowsPerPass = 100

interface OutboxRow {
  readonly id: string
  readonly aggregate_id: string
  readonly payload: string
}

const stopping = new AbortController()

async function createOne(): Promise<LatencySample> {
  const client = await pool.connect()
  try {
    const threadId = uuidv7()
    const eventId = uuidv7()
    await client.query('begin')
    await client.query(
      'insert into thread (id, course_id, title, content) values ($1, $2, $3, $4)',
      [
        threadId,
        'bench/naive',
        'A title',
        'Some words of content that are about as long as people write.',
      ],
    )
    const payload = JSON.stringify({
      eventId,
      eventType: 'thread_created',
      timestamp: new Date().toISOString(),
      payload: { threadId, courseId: 'bench/naive', authorId: 'ada', title: 'A title' },
    })
    await client.query(
      'insert into outbox_events (event_id, aggregate_type, aggregate_id, event_type, payload) values ($1, $2, $3, $4, $5)',
      [eventId, 'THREAD', threadId, 'thread_created', payload],
    )
    await client.query('commit')
    return { threadId, committedAtMs: Date.now() }
  } finally {
    client.release()
  }
}

async function create(request: {
  readonly count: number
  readonly writers: number
}): Promise<number> {
  let left = request.count
  const startedAtMs = performance.now()
  const write = async (): Promise<void> => {
    while (left-- > 0) await createOne()
  }
  await Promise.all(Array.from({ length: request.writers }, write))
  return (performance.now() - startedAtMs) / 1000
}

async function publishPending(producer: Producer<string, string, string, string>): Promise<number> {
  const { rows } = await pool.query<OutboxRow>(
    'select * from outbox_events where processed = false order by id limit $1',
    [rowsPerPass],
  )
  for (const row of rows) {
    await producer.send({ messages: [{ topic, key: row.aggregate_id, value: row.payload }] })
    await pool.query(
      'update outbox_events set processed = true, processed_at = now() where id = $1',
      [row.id],
    )
  }
  return rows.length
}

function openProducer(): Producer<string, string, string, string> {
  return new Producer({
    clientId: 'naive',
    bootstrapBrokers: (process.env['KAFKA_BROKERS'] ?? '').split(','),
    serializers: stringSerializers,
    acks: -1,
  })
}

/** Sends everything pending, or as much as `maxSeconds` allow; says how many in how many seconds. */
async function drain(request: {
  readonly pauseMs: number
  readonly maxSeconds: number
}): Promise<{ readonly sent: number; readonly seconds: number }> {
  const producer = openProducer()
  const startedAtMs = performance.now()
  let sent = 0
  for (;;) {
    const count = await publishPending(producer)
    sent += count
    const seconds = (performance.now() - startedAtMs) / 1000
    if (count === 0 || seconds > request.maxSeconds) {
      await producer.close()
      return { sent, seconds }
    }
    if (request.pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, request.pauseMs))
  }
}

/** The job in the background, as the service runs it. */
async function relay(request: { readonly pauseMs: number }): Promise<void> {
  const producer = openProducer()
  while (!stopping.signal.aborted) {
    const count = await publishPending(producer)
    const pauseMs = count === 0 ? Math.max(1, request.pauseMs) : request.pauseMs
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
  await producer.close()
}

serveChild({
  install: () => createNaiveTables(pool),
  create,
  drain,
  startRelay: (request: { readonly pauseMs: number }) => {
    void relay(request)
    return Promise.resolve()
  },
  latency: (request: LatencyRequest) => paced(request, createOne),
  stopRelay: () => {
    stopping.abort()
    return Promise.resolve()
  },
})
