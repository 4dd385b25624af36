// A tracked consumer in a process of its own, for tests that kill it. Its effect is a row per event handled, without any constraint, so
// that what is handled twice shows. Arguments: database URL, broker, name.
import { ContractRegistry } from '@millrace/events'
import { createInbox } from '@millrace/inbox'
import { openDatabase } from '@millrace/postgres'
import { groupId, stepTaken, topic } from './pipeline-contract.ts'

const [url = '', broker = '', name = ''] = process.argv.slice(2)
const database = openDatabase({ url, applicationName: name, maxConnections: 8 })
const inbox = createInbox({
  database,
  serviceName: 'pipeline',
  groupId,
  contracts: new ContractRegistry([stepTaken]),
})
const consumer = inbox.consume({
  kafka: { brokers: [broker], clientId: name },
  topics: [topic],
  handler: async (events, { tx }) => {
    await tx.query(
      'insert into effect (event_id, key, version) select * from unnest($1::uuid[], $2::text[], $3::int[])',
      [
        events.map(({ event }) => event.eventId),
        events.map(({ event }) => event.aggregateId),
        events.map(({ event }) => event.aggregateVersion),
      ],
    )
  },
  retryBackoff: { baseMs: 20, maxMs: 200 },
  consumer: { sessionTimeoutMs: 6_000, heartbeatIntervalMs: 300, maxWaitMs: 100 },
})
consumer.start()
process.once('SIGTERM', () => {
  void consumer.close().then(() => database.close())
})
