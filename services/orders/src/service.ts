import { servicePorts } from '@millrace/contracts'
import { ensureOwnDatabase, openDatabase } from '@millrace/postgres'
import { defineService } from '@millrace/runtime'
import { ordersConfig } from './config.ts'

const serviceName = 'orders'

/** Orders: taken, followed through the saga, and shown. */
export const ordersService = defineService({
  name: serviceName,
  version: '0.1.0',
  description: 'Orders: taken, followed through the saga, and shown.',
  port: servicePorts.orders,
  config: ordersConfig,
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
