import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { uuidv7 } from '@millrace/core'
import { exitOf } from '@millrace/testkit'
import { Pool } from 'pg'
import { serveChild } from '../child.ts'
import { processUsage } from '../kafka/measured-process.ts'
import { createDebeziumTable } from './peer-tables.ts'
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

/** Debezium 3's embedded engine, tuned for latency and for throughput as far as its documentation goes; the slot exists before the rows. */
const pool = new Pool({ connectionString: databaseUrl, max: 16 })
const url = new URL(databaseUrl)
const database = url.pathname.slice(1)
const slot = `debezium_${database}`

function engineProperties(folder: string): string {
  const properties: Readonly<Record<string, string>> = {
    name: 'bench',
    'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
    'offset.storage': 'org.apache.kafka.connect.storage.FileOffsetBackingStore',
    'offset.storage.file.filename': join(folder, 'offsets'),
    'offset.flush.interval.ms': '1000',
    'database.hostname': url.hostname,
    'database.port': url.port,
    'database.user': url.username,
    'database.password': decodeURIComponent(url.password),
    'database.dbname': database,
    'topic.prefix': 'bench',
    'plugin.name': 'pgoutput',
    'slot.name': slot,
    'publication.name': 'bench_debezium',
    'publication.autocreate.mode': 'disabled',
    'snapshot.mode': 'no_data',
    'table.include.list': 'public.outboxevent',
    'tombstones.on.delete': 'false',
    'poll.interval.ms': '5',
    'max.batch.size': '8192',
    'max.queue.size': '32768',
    transforms: 'outbox',
    'transforms.outbox.type': 'io.debezium.transforms.outbox.EventRouter',
    'transforms.outbox.route.topic.replacement': topic,
  }
  const escape = (text: string): string => text.replaceAll('\\', '\\\\')
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${escape(value)}\n`)
    .join('')
}

const insert: InsertEvents = async (first, count) => {
  const ids = Array.from({ length: count }, () => uuidv7())
  const keys = ids.map((_, n) => orderData(first + n).orderId)
  const payloads = ids.map((id, n) => eventJson(id, first + n))
  await pool.query({
    name: 'insert',
    text: `insert into outboxevent (id, aggregatetype, aggregateid, type, payload)
      select id, 'order', key, 'bench_order_placed', payload from unnest($1::uuid[], $2::text[], $3::text[]) as e (id, key, payload)`,
    values: [ids, keys, payloads],
  })
  return ids
}

let engine: ChildProcess | undefined
let folder = ''

async function startRelay(): Promise<void> {
  folder = await mkdtemp(join(tmpdir(), 'millrace-debezium-'))
  const file = join(folder, 'engine.properties')
  await writeFile(file, engineProperties(folder))
  const classPath = process.env['DEBEZIUM_CLASS_PATH'] ?? ''
  const args = ['-Xmx512M', '-cp', classPath, 'DebeziumRelay', file, brokers.join(',')]
  const child = spawn('java', args, { stdio: ['pipe', 'pipe', 'pipe'] })
  engine = child
  process.once('exit', () => child.kill('SIGKILL'))
  let said = ''
  child.stderr.on('data', (text: Buffer) => (said = (said + text.toString()).slice(-2_000)))
  await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(() => {
      throw new Error(`Debezium ended before it polled: ${said}`)
    }),
  ])
}

serveChild({
  install: () => createDebeziumTable(pool, slot),
  backlog: (count: number) => writeBacklog(count, insert),
  pace: (pace: Pace) => writeAtPace(pace, insert),
  startRelay,
  /** In place of this process's own: the work is done by another. */
  relayUsage: () => Promise.resolve(processUsage(engine?.pid ?? 0)),
  stopRelay: async () => {
    engine?.stdin?.end()
    if (engine) await exitOf(engine)
    await rm(folder, { recursive: true, force: true })
    await pool.query('select pg_drop_replication_slot($1)', [slot])
  },
})
