import { servicePorts } from '@millrace/contracts'
import { ensureOwnDatabase, openDatabase } from '@millrace/postgres'
import { defineService } from '@millrace/runtime'
import { usersConfig } from './config.ts'

const serviceName = 'users'

/** People: registration, sign-in, profiles and roles. */
export const usersService = defineService({
  name: serviceName,
  version: '0.1.0',
  description: 'People: registration, sign-in, profiles and roles.',
  port: servicePorts.users,
  config: usersConfig,
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
