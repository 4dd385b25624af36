import { contracts } from './fixture.ts'
import { createInbox } from '../src/inbox.ts'
import type { ReceivedEvent } from '../src/types.ts'
import { openDatabase } from '@millrace/postgres'

// A member of a group in a process of its own, for tests that kill it. Every 17th event fails at its first attempt, every 101st always.
const [url, broker, topic, groupId] = process.argv.slice(2)
if (url === undefined || broker === undefined || topic === undefined || groupId === undefined)
  throw new Error('usage: member-process <url> <broker> <topic> <group>')

const amountOf = ({ event }: ReceivedEvent): number => (event.data as { amount: number }).amount

const database = openDatabase({ url, applicationName: 'inbox-member' })
const inbox = createInbox({ database, serviceName: 'bank', groupId, contracts, schema: 'public' })
const consumer = inbox.consume({
  kafka: { brokers: [broker], clientId: `member-${process.pid}` },
  topics: [topic],
  maxBatchRecords: 40,
  maxAttempts: 6,
  retryBackoff: { baseMs: 20, maxMs: 100 },
  policies: [{ when: 'Hopeless', do: 'retry', attempts: 2, backoff: { baseMs: 20, maxMs: 20 } }],
  outage: false,
  dueLeaseMs: 1_000,
  duePollMs: 100,
  consumer: { maxWaitMs: 100, heartbeatIntervalMs: 300, sessionTimeoutMs: 6_000 },
  handler: async (events, { tx, attempt }) => {
    await tx.query(
      `insert into applied (event_id, account, amount)
       select * from unnest($1::uuid[], $2::text[], $3::integer[])`,
      [
        events.map(({ event }) => event.eventId),
        events.map(({ event }) => event.aggregateId),
        events.map(amountOf),
      ],
    )
    for (const each of events) {
      if (amountOf(each) % 101 === 100)
        throw Object.assign(new Error('never'), { name: 'Hopeless' })
      if (amountOf(each) % 17 === 16 && attempt === 1) throw new Error('not at first')
    }
  },
})
consumer.start()
process.on('SIGTERM', () => void consumer.close().then(() => database.close()))
// To whoever opened a channel.
process.send?.('started')
