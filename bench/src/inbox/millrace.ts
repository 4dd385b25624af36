import { aggregate, createDiscussionInbox, migrateAggregates } from '@millrace/discussion-analytics'
import { discussionEventsTopic } from '@millrace/contracts'
import { silentLogger, noopMeter, systemClock } from '@millrace/core'
import { blame, type BatchHandler } from '@millrace/inbox'
import { openDatabase } from '@millrace/postgres'
import { serveChild } from '../child.ts'
import { refusedCourse } from './handle-job.ts'

/** The consumer of S0 with its own handler, but for events that are to fail. */
const database = openDatabase({
  url: process.env['DATABASE_URL'] ?? '',
  applicationName: 'bench',
})
const inbox = createDiscussionInbox({
  database,
  logger: silentLogger,
  meter: noopMeter,
  clock: systemClock,
})

const isBlaming = process.env['BLAMES'] !== 'no'

const handler: BatchHandler = async (events, context) => {
  for (const received of events)
    if ((received.event.data as { readonly courseId: string }).courseId === refusedCourse) {
      const error = new Error('refused')
      throw isBlaming ? blame(received, error) : error
    }
  await aggregate(events, context)
}

const consumer = inbox.consume({
  kafka: { brokers: (process.env['KAFKA_BROKERS'] ?? '').split(','), clientId: 'bench' },
  topics: [discussionEventsTopic.name],
  handler,
  retryBackoff: { baseMs: 10, maxMs: 10 },
})

serveChild(
  {
    install: async () => {
      await inbox.migrate()
      await migrateAggregates(database)
    },
    start: () => {
      consumer.start()
      return Promise.resolve()
    },
  },
  () => consumer.close(),
)
