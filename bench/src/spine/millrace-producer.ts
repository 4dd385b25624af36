import { ContractRegistry, createEvent } from '@millrace/events'
import { discussionEvents, discussionEventsTopic, threadCreated } from '@millrace/contracts'
import { systemClock, uuidv7 } from '@millrace/core'
import { createOutbox, type Relay } from '@millrace/outbox'
import { openDatabase } from '@millrace/postgres'
import { serveChild } from '../child.ts'
import { paced, type LatencyRequest, type LatencySample } from './pace.ts'

/** The producing side as our services have it: the event stands in the business transaction, the relay runs beside. */
const database = openDatabase({
  url: process.env['DATABASE_URL'] ?? '',
  applicationName: 'bench',
  maxConnections: 10,
})
const outbox = createOutbox({
  database,
  serviceName: 'bench',
  schema: 'public',
  contracts: new ContractRegistry(discussionEvents),
})
let relay: Relay | undefined

async function createOne(): Promise<LatencySample> {
  const threadId = uuidv7()
  await outbox.transaction(async (tx) => {
    await tx.query('insert into thread (id, course_id, title, content) values ($1, $2, $3, $4)', [
      threadId,
      'bench/millrace',
      'A title',
      'Some words of content that are about as long as people write.',
    ])
    const event = createEvent({
      contract: threadCreated,
      source: 'bench',
      aggregateId: threadId,
      aggregateVersion: 1,
      data: { threadId, courseId: 'bench/millrace', authorId: 'ada', title: 'A title' },
      context: { correlationId: uuidv7(), causationId: null },
    })
    tx.publish(event, { topic: discussionEventsTopic.name, key: threadId })
  })
  return { threadId, committedAtMs: Date.now() }
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

function startRelay(): Promise<void> {
  const brokers = (process.env['KAFKA_BROKERS'] ?? '').split(',')
  relay = outbox.createRelay({ kafka: { brokers, clientId: 'bench' } })
  relay.start()
  return Promise.resolve()
}

async function drain(): Promise<{ readonly sent: number; readonly seconds: number }> {
  const startedAtMs = performance.now()
  await startRelay()
  while ((await outbox.stats()).pending > 0) await systemClock.sleep(5)
  const seconds = (performance.now() - startedAtMs) / 1000
  const receipts = await database.query<{ count: number }>(
    'select coalesce(sum(cardinality(offsets)), 0)::int as count from event_delivery_chunk',
  )
  return { sent: receipts.rows[0]?.count ?? 0, seconds }
}

serveChild({
  install: async () => {
    await database.query(
      'create table thread (id text primary key, course_id text not null, title text not null, content text not null, created_at timestamptz not null default now())',
    )
    await outbox.migrate()
  },
  create,
  drain,
  startRelay,
  latency: (request: LatencyRequest) => paced(request, createOne),
  stopRelay: () => relay?.close() ?? Promise.resolve(),
})
