import {
  ordersTopic,
  sagaOrderEvents,
  servicePorts,
  stockAnswered,
  stockOrdersTopic,
} from '@millrace/contracts'
import { ContractRegistry } from '@millrace/events'
import { BackgroundConsumer, createHttpIdempotency, createInbox } from '@millrace/inbox'
import { createOutbox, Publishing } from '@millrace/outbox'
import { ensureOwnDatabase, migrate, openDatabase } from '@millrace/postgres'
import {
  archiveOldDays,
  callerWithRole,
  defineService,
  userOf,
  type FastifyRequest,
} from '@millrace/runtime'
import { stockConfig } from './config.ts'
import { answerOrders, serviceName } from './consumers/answer-orders.ts'
import { registerItems } from './routes/items.ts'
import { registerOperations } from './routes/operations.ts'
import { writeFaultMode } from './sql/fault-mode.ts'
import { seedDemo } from './stock.ts'

const migrations = new URL('../migrations/', import.meta.url)
/** All of `orders`, so that their batches may share a transaction. */
const partitionsAtOnce = 6

/** Goods on hand: reserves the lines of an order, then takes or releases them. */
export const stockService = defineService({
  name: serviceName,
  version: '0.1.0',
  description:
    'Goods on hand: reserves all lines of an order or none, then takes or releases them as the saga decides. Every change of a figure is a recorded movement.',
  port: servicePorts.stock,
  config: stockConfig,
  setup({ app, config, logger, meter, tracer, clock, addReadiness, onStart, onClose }) {
    const database = openDatabase({
      url: config.databaseUrl,
      applicationName: serviceName,
      maxConnections: config.maxConnections,
      logger,
      meter,
    })
    onClose(() => database.close())
    const common = { database, serviceName, schema: 'public', logger, meter, tracer, clock }
    const outbox = createOutbox({ ...common, contracts: new ContractRegistry([stockAnswered]) })
    const inbox = createInbox({
      ...common,
      groupId: serviceName,
      contracts: new ContractRegistry(sagaOrderEvents),
    })
    const keys = createHttpIdempotency({ database, schema: 'public', clock })
    const consuming = config.kafkaEnabled
      ? new BackgroundConsumer({
          inbox,
          kafka: { brokers: config.kafkaBrokers, clientId: serviceName, logger, meter },
          topics: [ordersTopic],
          handler: answerOrders({ outbox, logger, meter }),
          maxBatchRecords: config.maxBatchRecords,
          maxConcurrentPartitions: partitionsAtOnce,
          sharesTransactions: true,
          instanceId: config.instanceId,
          onCommitted: () => outbox.wake(),
          clock,
        })
      : undefined

    onStart(async () => {
      await ensureOwnDatabase(database)
      await outbox.migrate()
      await inbox.migrate()
      await keys.migrate()
      await migrate(database, { directory: migrations, name: serviceName })
      if (config.mode === 'development') await database.transaction(seedDemo)
      // What the Lab left in data of development would refuse every order, and no route of production could end it.
      else await writeFaultMode(database, 'normal')
    }, 'database')
    archiveOldDays({ config, onStart, onClose }, { production: outbox, consumptions: [inbox] })
    addReadiness('database', async () => (await database.query('select 1')).rowCount === 1)
    if (consuming) {
      const publishing = new Publishing({
        brokers: config.kafkaBrokers,
        clientId: serviceName,
        outbox,
        topics: [stockOrdersTopic],
        logger,
        meter,
        clock,
      })
      onStart(() => publishing.start(), 'relay')
      // In the background: goods can be looked up and booked while the broker is away.
      onStart(() => consuming.start(), 'consumer')
      onClose(() => publishing.close())
      onClose(() => consuming.close())
      addReadiness('relay', async () => !publishing.isHalted)
      addReadiness('consumer', () => consuming.readiness())
    } else {
      logger.warn('Kafka is switched off; orders wait on their topic')
    }

    const managerOf =
      config.mode === 'production'
        ? (request: FastifyRequest) => callerWithRole(request, 'staff', 'admin').userId
        : userOf
    const routes = { app, database, outbox, keys, managerOf }
    registerItems(routes)
    registerOperations(routes, {
      importToken: config.importToken,
      hasFaults: config.mode === 'development',
      consumer: consuming?.consumer,
    })
  },
})
