// A relay that publishes to a real broker in transactions, in a process of its own, for tests that kill and stop it.
// Arguments: database URL, broker, prefix of transactional ids. Environment: RELAY_FAULT, a point and at which pass of it (beforeCommit#3)
// the process sends itself RELAY_SIGNAL (SIGKILL).
import { setTimeout as sleep } from 'node:timers/promises'
import { armFaults } from '@millrace/core/testing'
import { createOutbox } from '@millrace/outbox'
import { openDatabase } from '@millrace/postgres'

const [url, broker, prefix] = process.argv.slice(2)
if (!url || !broker || !prefix)
  throw new Error('usage: exact-relay-process.ts <database url> <broker> <prefix>')

const [point, atPass] = (process.env['RELAY_FAULT'] ?? '').split('#')
const signal = process.env['RELAY_SIGNAL'] ?? 'SIGKILL'
let passes = 0
armFaults(async (passed) => {
  if (passed !== `outbox.relay.${point}` || ++passes !== Number(atPass ?? 1)) return
  // In the middle of a send: the bytes have left, the answer has not come or is not read.
  if (point === 'duringPublish') await sleep(1)
  process.kill(process.pid, signal)
  // A stopped process goes on from here.
  await sleep(0)
})

const database = openDatabase({ url, applicationName: `relay-${process.pid}`, maxConnections: 4 })
const outbox = createOutbox({ database, serviceName: 'tests' })
const relay = outbox.createRelay({
  kafka: { brokers: [broker], clientId: 'relay' },
  transactionalIdPrefix: prefix,
  chunkRecords: Number(process.env['RELAY_CHUNK'] ?? 10),
  leaseMs: Number(process.env['RELAY_LEASE'] ?? 500),
  backoff: { baseMs: 5, maxMs: 100 },
})
relay.start()
process.stdout.write('started\n')
process.on('SIGTERM', () => {
  void relay.close().then(() => database.close())
})
// The relay keeps the process alive, whatever is away; it ends by a signal.
