import {
  orderEvents,
  orderEventsTopic,
  orderReadDatabase,
  ordersTopic,
  sagaOrderEvents,
} from '@millrace/contracts'
import type { Clock, Logger, Meter, Tracer } from '@millrace/core'
import { ContractRegistry } from '@millrace/events'
import {
  BackgroundConsumer,
  createHttpIdempotency,
  createInbox,
  type InboxArchiveSchedule,
} from '@millrace/inbox'
import { createOutbox, Publishing } from '@millrace/outbox'
import { ensureOwnDatabase, migrate, openDatabase, withDatabaseName } from '@millrace/postgres'
import type { OrdersConfig } from './config.ts'
import {
  commandContracts,
  commandTopics,
  handleCommandEvents,
} from './consumers/command-consumer.ts'
import { EndOrders } from './consumers/end-orders.ts'
import { serviceName } from './orders.ts'
import {
  buildReadModel,
  readContracts,
  readGroupId,
  readTopics,
} from './read-side/read-consumer.ts'
import { ReadTables } from './read-side/read-tables.ts'

export interface SideOptions {
  readonly config: OrdersConfig
  readonly logger: Logger
  readonly meter: Meter
  readonly tracer: Tracer
  readonly clock: Clock
}

/** Most whose batches share a transaction: beyond what a topic has, so that those that bring much do not keep the others out. */
const partitionsAtOnce = 8
const migrations = new URL('../migrations/', import.meta.url)

/** The command side: orders, their events, and the consumer that ends them. Its database is the one thing that orders cannot be taken without. */
export function openCommandSide(options: SideOptions) {
  const { config, logger, meter, clock } = options
  const database = openDatabase({
    url: config.databaseUrl,
    applicationName: serviceName,
    maxConnections: config.maxConnections,
    logger,
    meter,
  })
  const common = { ...partsOf(options), database }
  const outbox = createOutbox({
    ...common,
    contracts: new ContractRegistry([...orderEvents, ...sagaOrderEvents]),
  })
  const keys = createHttpIdempotency({ database, schema: 'public', clock })
  const inbox = createInbox({ ...common, groupId: serviceName, contracts: commandContracts })
  return {
    database,
    outbox,
    inbox,
    keys,
    async migrate(): Promise<void> {
      await ensureOwnDatabase(database)
      await outbox.migrate()
      await keys.migrate()
      await inbox.migrate()
      await migrate(database, { directory: new URL('write/', migrations), name: serviceName })
    },
    publish: () =>
      new Publishing({
        brokers: config.kafkaBrokers,
        logger,
        meter,
        clock,
        clientId: serviceName,
        outbox,
        topics: [ordersTopic, orderEventsTopic],
      }),
    consume: () =>
      new BackgroundConsumer({
        ...consumingOf(options, serviceName),
        inbox,
        topics: commandTopics,
        handler: handleCommandEvents(new EndOrders({ outbox, logger, meter })),
        onCommitted: () => outbox.wake(),
      }),
  }
}

/** The query side: a database that events alone have built. */
export function openQuerySide(options: SideOptions) {
  const { config, logger, meter, clock } = options
  const database = openDatabase({
    url: config.readDatabaseUrl ?? withDatabaseName(config.databaseUrl, orderReadDatabase),
    applicationName: readGroupId,
    maxConnections: config.maxConnections,
    logger,
    meter,
  })
  const inbox = createInbox({
    ...partsOf(options),
    database,
    groupId: readGroupId,
    contracts: readContracts,
  })
  const tables = new ReadTables({
    async make() {
      await ensureOwnDatabase(database)
      await inbox.migrate()
      await migrate(database, { directory: new URL('read/', migrations), name: readGroupId })
    },
    clock,
    logger,
  })
  return {
    database,
    tables,
    /** Begins when the tables are there, whenever that is. */
    scheduleArchive(schedule: InboxArchiveSchedule): { close(): Promise<void> } {
      const running = tables
        .start()
        .then((isMade) => (isMade ? inbox.scheduleArchive(schedule) : undefined))
      return { close: async () => (await running)?.close() }
    },
    consume: () =>
      new BackgroundConsumer({
        ...consumingOf(options, readGroupId),
        inbox,
        topics: readTopics,
        handler: buildReadModel,
        prepared: () => tables.start(),
      }),
  }
}

/** Where the requirement's names are found without a prefix. */
function partsOf({ logger, meter, tracer, clock }: SideOptions) {
  return { schema: 'public', serviceName, logger, meter, tracer, clock }
}

function consumingOf({ config, logger, meter, clock }: SideOptions, clientId: string) {
  const { kafkaBrokers: brokers, instanceId } = config
  const kafka = { brokers, clientId, logger, meter }
  const sharing = { maxConcurrentPartitions: partitionsAtOnce, sharesTransactions: true }
  return { kafka, instanceId, ...sharing, clock }
}
