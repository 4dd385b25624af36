import { servicePorts } from '@millrace/contracts'
import { ensureOwnDatabase, openDatabase } from '@millrace/postgres'
import { defineService } from '@millrace/runtime'
import { stockConfig } from './config.ts'

const serviceName = 'stock'

/** Goods on hand: reserves the lines of an order, then takes or releases them. */
export const stockService = defineService({
  name: serviceName,
  version: '0.1.0',
  description: 'Goods on hand: reserves the lines of an order, then takes or releases them.',
  port: servicePorts.stock,
  config: stockConfig,
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
