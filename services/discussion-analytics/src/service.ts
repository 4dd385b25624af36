import { servicePorts } from '@millrace/contracts'
import { migrate, openDatabase, type Database } from '@millrace/postgres'
import { archiveOldDays, defineService, type PartReadiness } from '@millrace/runtime'
import { analyticsConfig, weightsOf } from './config.ts'
import { consumeDiscussions, createDiscussionInbox } from './consume-discussions.ts'
import { LiveAggregates } from './live/live-aggregates.ts'
import { registerCourseRoutes } from './routes/courses.ts'
import { registerEventRoutes } from './routes/events.ts'
import { registerStatsRoute } from './routes/stats.ts'
import { registerStreamRoute } from './routes/stream.ts'
import { registerThreadRoutes } from './routes/threads.ts'

/** Figures per thread and course, from the events on `discussion.events`. */
export const discussionAnalyticsService = defineService({
  name: 'discussion-analytics',
  version: '0.1.0',
  description:
    'Figures of the discussions: views, comments, votes, participants and engagement per thread, and the top threads per course. Fed by events, so a moment behind.',
  port: servicePorts['discussion-analytics'],
  config: analyticsConfig,
  setup({
    app,
    config,
    logger,
    meter,
    tracer,
    clock,
    addReadiness,
    addReadinessParts,
    onStart,
    onClose,
  }) {
    const weights = weightsOf(config)
    const database = openDatabase({
      url: config.databaseUrl,
      applicationName: 'discussion-analytics',
      logger,
      meter,
    })
    const inbox = createDiscussionInbox({ database, logger, meter, tracer, clock })
    const live = new LiveAggregates({
      database,
      weights,
      maxStreams: config.maxStreams,
      logger,
      meter,
      clock,
    })
    const consuming = config.kafkaEnabled
      ? consumeDiscussions({
          inbox,
          brokers: config.kafkaBrokers,
          maxBatchRecords: config.maxBatchRecords,
          instanceId: config.instanceId,
          logger,
          meter,
          clock,
          onChanged: (threads) => live.changed(threads),
        })
      : undefined

    registerThreadRoutes(app, { database, weights })
    registerCourseRoutes(app, { database, weights })
    const isForStaff = config.mode === 'production'
    registerStatsRoute(app, { inbox, consumer: consuming?.consumer, live, isForStaff })
    registerEventRoutes(app, { inbox, isForStaff })
    registerStreamRoute(app, live)

    addReadiness('database', async () => void (await database.query('select 1')))
    if (consuming) addReadiness('consumer', () => consuming.readiness())
    else addReadinessParts(() => Promise.resolve([switchedOff]))

    onStart(async () => {
      await inbox.migrate()
      await migrateAggregates(database)
    }, 'migrations')
    onStart(() => live.start(), 'notifications')
    // In the background: the figures that are there can be read while the broker is away.
    if (consuming) onStart(() => consuming.start(), 'consumer')

    onClose(() => database.close())
    archiveOldDays({ config, onStart, onClose }, { consumptions: [inbox] })
    onClose(() => live.shutDown())
    onClose(async () => consuming?.close())
  },
})

/** Makes the tables of figures. */
export async function migrateAggregates(database: Database): Promise<void> {
  const directory = new URL('../migrations/', import.meta.url)
  await migrate(database, { name: 'discussion-analytics', directory })
}

const switchedOff: PartReadiness = {
  name: 'consumer',
  state: 'up',
  reason: 'switched off by KAFKA_ENABLED=false: the figures stand still',
}
