import { randomUUID } from 'node:crypto'
import {
  demoAssortment,
  productEvents,
  productEventsTopic,
  servicePorts,
} from '@millrace/contracts'
import { ContractRegistry } from '@millrace/events'
import { createHttpIdempotency } from '@millrace/inbox'
import { createOutbox, Publishing } from '@millrace/outbox'
import { ensureOwnDatabase, migrate, openDatabase } from '@millrace/postgres'
import {
  archiveOldDays,
  callerWithRole,
  defineService,
  userOf,
  type FastifyRequest,
} from '@millrace/runtime'
import { importProducts, serviceName } from './catalog.ts'
import { catalogConfig } from './config.ts'
import { registerChanges } from './routes/changes.ts'
import { registerImport } from './routes/import.ts'
import { registerProducts } from './routes/products.ts'

const migrations = new URL('../migrations/', import.meta.url)

/** What can be ordered: products with price and stock unit. */
export const catalogService = defineService({
  name: serviceName,
  version: '0.1.0',
  description:
    'What can be ordered: products with price and stock unit. Every change is one event on product-events, stored with it in one transaction.',
  port: servicePorts.catalog,
  config: catalogConfig,
  setup({ app, config, logger, meter, tracer, clock, addReadiness, onStart, onClose }) {
    const database = openDatabase({
      url: config.databaseUrl,
      applicationName: serviceName,
      maxConnections: config.maxConnections,
      logger,
      meter,
    })
    onClose(() => database.close())
    const outbox = createOutbox({
      database,
      serviceName,
      schema: 'public',
      contracts: new ContractRegistry(productEvents),
      logger,
      meter,
      tracer,
      clock,
    })
    const keys = createHttpIdempotency({ database, schema: 'public', clock })
    onStart(async () => {
      await ensureOwnDatabase(database)
      await outbox.migrate()
      await keys.migrate()
      await migrate(database, { directory: migrations, name: serviceName })
      if (config.mode === 'development') {
        const context = { correlationId: randomUUID(), causationId: null }
        await outbox.transaction((tx) => importProducts(tx, demoAssortment, context))
      }
    }, 'database')
    if (config.kafkaEnabled) {
      const publishing = new Publishing({
        brokers: config.kafkaBrokers,
        clientId: serviceName,
        outbox,
        topics: [productEventsTopic],
        logger,
        meter,
        clock,
      })
      onClose(() => publishing.close())
      onStart(() => publishing.start(), 'relay')
      addReadiness('relay', async () => !publishing.isHalted)
    } else {
      logger.warn('Publishing is off; events wait in the database')
    }
    archiveOldDays({ config, onStart, onClose }, { production: outbox })
    addReadiness('database', async () => (await database.query('select 1')).rowCount === 1)

    const managerOf =
      config.mode === 'production'
        ? (request: FastifyRequest) => callerWithRole(request, 'staff', 'admin').userId
        : userOf
    const routes = { app, database, outbox, keys, managerOf }
    registerProducts(routes)
    registerChanges(routes)
    registerImport(routes, config.importToken)
  },
})
