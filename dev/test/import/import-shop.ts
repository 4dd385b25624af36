/** The shop's services behind a gateway, in this process and on databases of their own: where a file of invoices is imported into. */
import { catalogService } from '@millrace/catalog'
import { silentLogger } from '@millrace/core'
import { testDatabase } from '@millrace/embedded/testing'
import { gatewayService } from '@millrace/gateway'
import { orderSagaService } from '@millrace/order-saga'
import { ordersService } from '@millrace/orders'
import { paymentsService } from '@millrace/payments'
import { openDatabase, type Database } from '@millrace/postgres'
import { startService } from '@millrace/runtime'
import { stockService } from '@millrace/stock'
import { usersService } from '@millrace/users'
import { ImportClient } from '../../src/import/import-client.ts'

const importToken = 'a-token-of-tests-only'

const services = {
  users: usersService,
  catalog: catalogService,
  stock: stockService,
  payments: paymentsService,
  orders: ordersService,
} as const

/** Of the saga: nobody is taken for dead while the machine is busy. */
const slowMachine = { STREAM_SESSION_TIMEOUT: '120s', STREAM_TRANSACTION_TIMEOUT: '60s' }

type ShopDatabase = keyof typeof services | 'orders-read'

export interface ImportShop extends AsyncDisposable {
  readonly client: ImportClient
  readonly databases: Readonly<Record<ShopDatabase, Database>>
  get<Body>(path: string): Promise<Body>
}

/** @param kafka broker and a folder for the saga's state; without them nothing is published, and nobody decides */
export async function startImportShop(kafka?: {
  readonly brokers: readonly string[]
  readonly stateDir: string
}): Promise<ImportShop> {
  await using stack = new AsyncDisposableStack()
  const databases: Partial<Record<ShopDatabase, Database>> = {}
  const addresses: Record<string, string> = {}
  const common = {
    PORT: '0',
    IMPORT_TOKEN: importToken,
    ...(kafka ? { KAFKA_BROKERS: kafka.brokers.join(',') } : { KAFKA_ENABLED: 'false' }),
  }
  const newDatabase = async (name: string): Promise<string> => {
    const { url } = stack.use(await testDatabase())
    const database = openDatabase({ url, applicationName: 'test', maxConnections: 2 })
    stack.defer(() => database.close())
    databases[name as ShopDatabase] = database
    return url
  }
  for (const [name, definition] of Object.entries(services)) {
    const own: Record<string, string> = { DATABASE_URL: await newDatabase(name) }
    if (name === 'orders') own['READ_DATABASE_URL'] = await newDatabase('orders-read')
    const env = { ...common, ...own, ...addresses }
    const service = stack.use(
      await startService<typeof definition.config>(definition, { env, logger: silentLogger }),
    )
    await service.ready
    addresses[`${name.toUpperCase()}_URL`] = service.url
  }
  if (kafka) {
    // No order ends but by its two answers, however long the machine takes for them.
    const patience = { SAGA_JOIN_WINDOW: '1h', SAGA_TIMEOUT: '2h' }
    const env = { ...common, ...patience, STREAM_STATE_DIR: kafka.stateDir, ...slowMachine }
    const saga = stack.use(await startService(orderSagaService, { env, logger: silentLogger }))
    await saga.ready
  }
  const gateway = stack.use(
    await startService(gatewayService, { env: { PORT: '0', ...addresses }, logger: silentLogger }),
  )
  const all = stack.move()
  return {
    client: new ImportClient({ gatewayUrl: gateway.url, token: importToken, patienceMs: 600_000 }),
    databases: databases as Record<ShopDatabase, Database>,
    async get<Body>(path: string) {
      const response = await fetch(`${gateway.url}${path}`)
      if (!response.ok) throw new Error(`GET ${path}: ${response.status}`)
      return (await response.json()) as Body
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}
