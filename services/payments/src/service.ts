import { servicePorts } from '@millrace/contracts'
import { ensureOwnDatabase, openDatabase } from '@millrace/postgres'
import { defineService } from '@millrace/runtime'
import { paymentsConfig } from './config.ts'

const serviceName = 'payments'

/** Balances of customers: reserves the total of an order, then takes or releases it. */
export const paymentsService = defineService({
  name: serviceName,
  version: '0.1.0',
  description: 'Balances of customers: reserves the total of an order, then takes or releases it.',
  port: servicePorts.payments,
  config: paymentsConfig,
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
