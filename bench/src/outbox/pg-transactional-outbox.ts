import { randomUUID } from 'node:crypto'
import { Producer, stringSerializers } from '@platformatic/kafka'
import { Pool } from 'pg'
import {
  createReplicationSegmentMutexConcurrencyController,
  DatabaseSetup,
  getDisabledLogger,
  initializePollingMessageListener,
  initializeReplicationMessageListener,
  type StoredTransactionalMessage,
} from 'pg-transactional-outbox'
import { serveChild } from '../child.ts'
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

/** npm's pg-transactional-outbox, tuned: polling every 10 ms for 50 messages; replication with the segments (our keys) side by side. */
type Way = 'polling' | 'replication'

const pool = new Pool({ connectionString: databaseUrl, max: 16 })
const url = new URL(databaseUrl)
const connection = {
  host: url.hostname,
  port: Number(url.port),
  user: url.username,
  password: decodeURIComponent(url.password),
  database: url.pathname.slice(1),
}
const slot = `bench_pto_${connection.database}`
const tables = {
  outboxOrInbox: 'outbox' as const,
  database: connection.database,
  schema: 'public',
  table: 'outbox',
  listenerRole: connection.user,
}
const publication = 'bench_pto'
const nextMessages = 'next_outbox_messages'

const insert: InsertEvents = async (first, count) => {
  const ids = Array.from({ length: count }, () => randomUUID())
  const keys = ids.map((_, n) => orderData(first + n).orderId)
  const payloads = ids.map((id, n) => eventJson(id, first + n))
  await pool.query({
    name: 'insert',
    text: `insert into outbox (id, aggregate_type, aggregate_id, message_type, segment, payload)
      select id, 'order', key, 'bench_order_placed', key, payload from unnest($1::uuid[], $2::text[], $3::jsonb[]) as e (id, key, payload)`,
    values: [ids, keys, payloads],
  })
  return ids
}

let shutdown: (() => Promise<void>) | undefined

async function startRelay(way: Way): Promise<void> {
  const producer = new Producer({
    clientId: 'bench-relay',
    bootstrapBrokers: brokers,
    serializers: stringSerializers,
    acks: -1,
  })
  await producer.metadata({ topics: [topic] })
  const publisher = {
    handle: async (message: StoredTransactionalMessage): Promise<void> => {
      const value = JSON.stringify(message.payload)
      await producer.send({ messages: [{ topic, key: message.aggregateId, value }] })
    },
  }
  const listener = {
    outboxOrInbox: 'outbox' as const,
    dbListenerConfig: connection,
  }
  const common = {
    dbSchema: 'public',
    dbTable: 'outbox',
    enableMaxAttemptsProtection: false,
    enablePoisonousMessageProtection: false,
  }
  const logger = getDisabledLogger()
  const [stop] =
    way === 'polling'
      ? initializePollingMessageListener(
          {
            ...listener,
            settings: {
              ...common,
              nextMessagesFunctionName: nextMessages,
              nextMessagesBatchSize: 50,
              nextMessagesPollingIntervalInMs: 10,
            },
          },
          publisher,
          logger,
        )
      : initializeReplicationMessageListener(
          {
            ...listener,
            settings: { ...common, dbPublication: publication, dbReplicationSlot: slot },
          },
          publisher,
          logger,
          { concurrencyStrategy: createReplicationSegmentMutexConcurrencyController() },
        )
  shutdown = async () => {
    await stop()
    await producer.close()
  }
}

serveChild({
  install: async (way: Way) => {
    const { dropAndCreateTable, createPollingFunction, setupPollingIndexes } = DatabaseSetup
    await pool.query(dropAndCreateTable(tables))
    if (way === 'polling') {
      const config = { ...tables, nextMessagesName: nextMessages }
      await pool.query(createPollingFunction(config))
      await pool.query(setupPollingIndexes(config))
    } else {
      await pool.query(
        `create publication ${publication} for table outbox with (publish = 'insert')`,
      )
      await pool.query(`select pg_create_logical_replication_slot('${slot}', 'pgoutput')`)
    }
  },
  backlog: (count: number) => writeBacklog(count, insert),
  pace: (pace: Pace) => writeAtPace(pace, insert),
  startRelay,
  stopRelay: () => shutdown?.() ?? Promise.resolve(),
})
