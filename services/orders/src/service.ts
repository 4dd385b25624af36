import { servicePorts } from '@millrace/contracts'
import { archiveOldDays, defineService, type PartReadiness } from '@millrace/runtime'
import { ordersConfig } from './config.ts'
import { serviceName } from './orders.ts'
import { Peer } from './peers/peer.ts'
import { PriceChecks } from './peers/price-checks.ts'
import { UserChecks } from './peers/user-checks.ts'
import { registerCancel } from './routes/cancel.ts'
import { registerCancellations } from './routes/cancellations.ts'
import { registerEvents } from './routes/events.ts'
import { registerImport } from './routes/import.ts'
import { registerPlace } from './routes/place.ts'
import { registerRead } from './routes/read.ts'
import { openCommandSide, openQuerySide } from './sides.ts'

/** Orders: taken, followed through the saga, and shown. Two sides with a database each; events are all that passes between them. */
export const ordersService = defineService({
  name: serviceName,
  version: '0.1.0',
  description:
    'Orders: taken here, decided by the saga of payments and stock, and shown from a read model of its own that is a moment behind.',
  port: servicePorts.orders,
  config: ordersConfig,
  setup({
    app,
    config,
    logger,
    meter,
    tracer,
    clock,
    addReadiness,
    addReadinessParts,
    onStart,
    onClose,
  }) {
    const options = { config, logger, meter, tracer, clock }
    const commandSide = openCommandSide(options)
    const querySide = openQuerySide(options)
    const { database, outbox, keys } = commandSide
    const { database: readDatabase, tables } = querySide
    onClose(() => database.close())
    onClose(() => readDatabase.close())
    onStart(() => commandSide.migrate(), 'database')
    onStart(() => void tables.start(), 'read model')
    archiveOldDays(
      { config, onStart, onClose },
      { production: outbox, consumptions: [commandSide.inbox, querySide] },
    )
    addReadiness('database', async () => (await database.query('select 1')).rowCount === 1)

    const running = config.kafkaEnabled
      ? {
          relay: commandSide.publish(),
          commands: commandSide.consume(),
          reader: querySide.consume(),
        }
      : undefined
    if (running) {
      for (const [name, part] of Object.entries(running)) {
        onStart(() => part.start(), name)
        onClose(() => part.close())
      }
      const { relay } = running
      addReadiness('relay', async () => !relay.isHalted)
    } else logger.warn('Kafka is off; events wait in the database and on the topics')
    // Orders are taken while these wait for a broker or for the read model's database: they are told of, and nobody is sent away for them.
    addReadinessParts(async () => [
      told('read model', tables.isMade || 'its tables are not there yet'),
      ...(running
        ? [
            told('consumer', running.commands.readiness()),
            told('read model consumer', running.reader.readiness()),
          ]
        : []),
    ])
    // Runs before the parts above end: the reader waits for the tables.
    onClose(() => tables.close())

    const { checkTimeoutMs: timeoutMs, checkPauseMs: openMs } = config
    const asking = { timeoutMs, openMs, clock, logger, meter }
    const users = new Peer({ ...asking, name: 'users', baseUrl: config.usersUrl })
    const catalog = new Peer({ ...asking, name: 'catalog', baseUrl: config.catalogUrl })
    const routes = {
      app,
      database,
      readDatabase,
      tables,
      outbox,
      keys,
      users,
      catalog,
      userChecks: new UserChecks(users, database, clock),
      priceChecks: new PriceChecks(catalog, database, clock),
      commands: running?.commands.consumer,
      reader: running?.reader.consumer,
      mode: config.mode,
      clock,
      logger,
    }
    registerPlace(routes)
    registerCancel(routes)
    registerEvents(routes)
    registerRead(routes)
    registerCancellations(routes)
    registerImport(routes, config.importToken)
  },
})

/** A part that may be missing while orders are taken. */
function told(name: string, isWell: true | string): PartReadiness {
  return { name, state: 'up', reason: isWell === true ? null : isWell }
}
