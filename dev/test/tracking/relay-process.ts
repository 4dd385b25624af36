// A relay in a process of its own, for tests that kill it. Arguments: database URL, broker.
import { createOutbox } from '@millrace/outbox'
import { openDatabase } from '@millrace/postgres'

const [url = '', broker = ''] = process.argv.slice(2)
const database = openDatabase({ url, applicationName: 'pipeline-relay', maxConnections: 4 })
const outbox = createOutbox({ database, serviceName: 'pipeline' })
const relay = outbox.createRelay({
  kafka: { brokers: [broker], clientId: 'pipeline-relay' },
  chunkRecords: 200,
  leaseMs: 1_000,
  backoff: { baseMs: 20, maxMs: 200 },
})
relay.start()
