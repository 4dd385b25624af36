import { servicePorts } from '@millrace/contracts'
import { ensureOwnDatabase, openDatabase } from '@millrace/postgres'
import { defineService } from '@millrace/runtime'
import { catalogConfig } from './config.ts'

const serviceName = 'catalog'

/** What can be ordered: products with price and stock unit. */
export const catalogService = defineService({
  name: serviceName,
  version: '0.1.0',
  description: 'What can be ordered: products with price and stock unit.',
  port: servicePorts.catalog,
  config: catalogConfig,
  setup({ config, logger, meter, addReadiness, onStart, onClose }) {
    const database = openDatabase({
      url: config.databaseUrl,
      applicationName: serviceName,
      maxConnections: config.maxConnections,
      logger,
      meter,
    })
    onClose(() => database.close())
    onStart(() => ensureOwnDatabase(database), 'database')
    addReadiness('database', async () => (await database.query('select 1')).rowCount === 1)
  },
})
