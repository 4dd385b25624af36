import { discussionEvents, discussionEventsTopic, servicePorts } from '@millrace/contracts'
import { ContractRegistry } from '@millrace/events'
import { createHttpIdempotency } from '@millrace/inbox'
import { createOutbox, Publishing } from '@millrace/outbox'
import { ensureOwnDatabase, migrate, openDatabase } from '@millrace/postgres'
import { archiveOldDays, defineService } from '@millrace/runtime'
import { discussionsConfig } from './config.ts'
import { serviceName } from './discussions.ts'
import { registerComments } from './routes/comments.ts'
import { registerEvents } from './routes/events.ts'
import { registerImport } from './routes/import.ts'
import { registerThreads } from './routes/threads.ts'
import { registerVotes } from './routes/votes.ts'

const migrations = new URL('../migrations/', import.meta.url)

/** Course discussions: threads, comments, votes and views, and an event for each change. */
export const discussionsService = defineService({
  name: serviceName,
  version: '0.1.0',
  description:
    'Course discussions: threads, comments, votes and views. Every change is one event on discussion.events, stored with it in one transaction.',
  port: servicePorts.discussions,
  config: discussionsConfig,
  setup({ app, config, logger, meter, tracer, clock, addReadiness, onStart, onClose }) {
    const database = openDatabase({
      url: config.databaseUrl,
      applicationName: serviceName,
      maxConnections: config.maxConnections,
      logger,
      meter,
    })
    onClose(() => database.close())
    // In the default schema, where the requirement's name `event_production_log` is found without a prefix.
    const outbox = createOutbox({
      database,
      serviceName,
      schema: 'public',
      contracts: new ContractRegistry(discussionEvents),
      logger,
      meter,
      tracer,
      clock,
    })
    const keys = createHttpIdempotency({ database, schema: 'public', clock })
    const publishing = config.kafkaEnabled
      ? new Publishing({
          brokers: config.kafkaBrokers,
          clientId: serviceName,
          outbox,
          topics: [discussionEventsTopic],
          leaseMs: config.relayLeaseMs,
          logger,
          meter,
          clock,
        })
      : undefined

    onStart(async () => {
      await ensureOwnDatabase(database)
      await outbox.migrate()
      await keys.migrate()
      await migrate(database, { directory: migrations, name: serviceName })
    }, 'database')
    if (publishing) {
      onClose(() => publishing.close())
      onStart(() => publishing.start(), 'relay')
      addReadiness('relay', async () => !publishing.isHalted)
    } else {
      logger.warn('Publishing is off; events wait in the database')
    }
    archiveOldDays({ config, onStart, onClose }, { production: outbox })
    addReadiness('database', async () => (await database.query('select 1')).rowCount === 1)

    const routes = { app, database, outbox, keys }
    registerThreads(routes)
    registerComments(routes)
    registerVotes(routes)
    registerEvents(routes, { publishing, mode: config.mode })
    registerImport(routes, config.importToken)
  },
})
