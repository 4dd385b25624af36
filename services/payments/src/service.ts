import {
  ordersTopic,
  paymentAnswered,
  paymentOrdersTopic,
  sagaOrderEvents,
  servicePorts,
} from '@millrace/contracts'
import { ContractRegistry } from '@millrace/events'
import {
  BackgroundConsumer,
  createHttpIdempotency,
  createInbox,
  type InboxConsumer,
} from '@millrace/inbox'
import { createOutbox, Publishing } from '@millrace/outbox'
import { ensureOwnDatabase, migrate, openDatabase } from '@millrace/postgres'
import {
  archiveOldDays,
  callerOf,
  callerWithRole,
  defineService,
  userOf,
  type FastifyRequest,
} from '@millrace/runtime'
import { paymentsConfig } from './config.ts'
import { serviceName } from './consumers/answer.ts'
import { answerOrders } from './consumers/answer-orders.ts'
import { CarryOut } from './consumers/carry-out.ts'
import { FakeProvider } from './provider/fake-provider.ts'
import { ProviderCaller } from './provider/provider-caller.ts'
import { registerAccounts } from './routes/accounts.ts'
import { registerOperations } from './routes/operations.ts'
import { normalSetting } from './sql/provider-setting.ts'

const migrations = new URL('../migrations/', import.meta.url)
/** All of `orders`, so that their batches may share a transaction. */
const partitionsAtOnce = 6
const developmentBalanceMills = 1_000_000
const managers = ['staff', 'admin'] as const

/** Balances of customers: reserves the total of an order, then takes or releases it. */
export const paymentsService = defineService({
  name: serviceName,
  version: '0.1.0',
  description:
    'Balances of customers: reserves the total of an order here and with the payment provider, then takes or releases it as the saga decides. Every change of a figure is a recorded movement.',
  port: servicePorts.payments,
  config: paymentsConfig,
  setup(context) {
    const { app, config, logger, meter, tracer, clock, addReadiness, onStart, onClose } = context
    const isProduction = config.mode === 'production'
    const openingBalanceMills =
      config.openingBalanceMills ?? (isProduction ? 0 : developmentBalanceMills)
    const database = openDatabase({
      url: config.databaseUrl,
      applicationName: serviceName,
      maxConnections: config.maxConnections,
      logger,
      meter,
    })
    onClose(() => database.close())
    const common = { database, serviceName, schema: 'public', logger, meter, tracer, clock }
    const outbox = createOutbox({ ...common, contracts: new ContractRegistry([paymentAnswered]) })
    const inbox = createInbox({
      ...common,
      groupId: serviceName,
      contracts: new ContractRegistry(sagaOrderEvents),
    })
    const keys = createHttpIdempotency({ database, schema: 'public', clock })
    const provider = new FakeProvider(database, clock)
    const carryOut = new CarryOut({
      outbox,
      logger,
      meter,
      openingBalanceMills,
      maxAttempts: config.providerMaxAttempts,
      retryBackoff: { baseMs: 500, maxMs: 10_000 },
    })
    const caller = new ProviderCaller({
      database,
      outbox,
      carryOut,
      provider,
      callTimeoutMs: config.providerTimeoutMs,
      maxCalls: config.providerMaxCalls,
      logger,
      meter,
      clock,
    })
    onStart(async () => {
      await ensureOwnDatabase(database)
      await outbox.migrate()
      await inbox.migrate()
      await keys.migrate()
      await migrate(database, { directory: migrations, name: serviceName })
      // What the Lab left in data of development would refuse every order, and no route of production could end it.
      if (isProduction) await provider.change(normalSetting)
    }, 'database')
    archiveOldDays(context, { production: outbox, consumptions: [inbox] })
    addReadiness('database', async () => (await database.query('select 1')).rowCount === 1)
    onStart(() => caller.start(), 'provider')
    onClose(() => caller.close())
    const consumer = config.kafkaEnabled ? consumeOrders() : undefined
    if (!consumer) logger.warn('Kafka is switched off; orders wait on their topic')

    const isManager = (request: FastifyRequest): boolean =>
      callerOf(request)?.roles.some((role) => role === 'staff' || role === 'admin') ?? false
    const routes = {
      app,
      database,
      outbox,
      keys,
      managerOf: isProduction
        ? (request: FastifyRequest) => callerWithRole(request, ...managers).userId
        : userOf,
      maySee: (request: FastifyRequest, customerId: string) =>
        !isProduction || isManager(request) || callerOf(request)?.userId === customerId,
      openingBalanceMills,
    }
    registerAccounts(routes)
    registerOperations(routes, {
      importToken: config.importToken,
      provider,
      hasFaults: !isProduction,
      consumer,
    })

    /** Answers on `payment-orders` and reads `orders`, once topics and broker are there: accounts can be seen and filled before. */
    function consumeOrders(): InboxConsumer {
      const { kafkaBrokers: brokers, instanceId } = config
      const consuming = new BackgroundConsumer({
        inbox,
        kafka: { brokers, clientId: serviceName, logger, meter },
        topics: [ordersTopic],
        handler: answerOrders(carryOut),
        maxBatchRecords: config.maxBatchRecords,
        maxConcurrentPartitions: partitionsAtOnce,
        sharesTransactions: true,
        instanceId,
        onCommitted: () => {
          outbox.wake()
          caller.poke()
        },
        clock,
      })
      const publishing = new Publishing({
        brokers,
        clientId: serviceName,
        outbox,
        topics: [paymentOrdersTopic],
        logger,
        meter,
        clock,
      })
      onStart(() => publishing.start(), 'relay')
      onStart(() => consuming.start(), 'consumer')
      onClose(() => publishing.close())
      onClose(() => consuming.close())
      addReadiness('relay', async () => !publishing.isHalted)
      addReadiness('consumer', () => consuming.readiness())
      return consuming.consumer
    }
  },
})
