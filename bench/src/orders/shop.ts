/** A whole shop under measurement: ours with its broker, or the peer; each service in a process of its own, on a Postgres that nobody else uses. */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { startPostgres, type EmbeddedPostgres } from '@millrace/embedded'
import { ensureDatabase, migrate, openDatabase, type Database } from '@millrace/postgres'
import { startApache, startOurs, type BenchBroker } from '../kafka/brokers.ts'
import { balanceMills, customerIds, onHand, priceOf, skus } from './goods.ts'
import { JsonClient } from './json-client.ts'
import { cpuOfTree, ServiceProcess } from './service-process.ts'

export const systemNames = ['millrace', 'http-saga', 'millrace-on-apache-kafka'] as const
export type SystemName = (typeof systemNames)[number]

/** CPU of a part until now, s; memory at its highest, MB, where it is one process. */
export interface PartUsage {
  readonly cpuSeconds: number
  readonly maxRssMb: number | undefined
}

const importToken = 'token-of-the-benchmark'
const commitInterval = '100ms'

export class Shop implements AsyncDisposable {
  readonly #folder: string
  readonly #started: AsyncDisposable[] = []
  readonly #services = new Map<string, ServiceProcess>()
  readonly #databases = new Map<string, Database>()
  #postgres!: EmbeddedPostgres
  #broker: BenchBroker | undefined

  private constructor(folder: string) {
    this.#folder = folder
  }

  /** @param folder made, and removed at the end; compiled code in its parent is kept for the next shop */
  static async open(name: SystemName, folder: string): Promise<Shop> {
    await mkdir(folder, { recursive: true })
    const shop = new Shop(folder)
    try {
      await shop.#start(name)
      return shop
    } catch (error) {
      await shop[Symbol.asyncDispose]()
      throw error
    }
  }

  urlOf(service: string): string {
    const found = this.#services.get(service)
    if (!found) throw new Error(`${service} does not run here`)
    return found.url
  }

  /** To look at what a service has stored; one connection. */
  databaseOf(service: string): Database {
    const known = this.#databases.get(service)
    if (known) return known
    const database = openDatabase({
      url: this.#postgres.urlOf(service),
      applicationName: 'bench',
      maxConnections: 1,
    })
    this.#databases.set(service, database)
    this.#started.push(database)
    return database
  }

  /** By part; empty where there is no /proc. */
  usage(): ReadonlyMap<string, PartUsage> {
    const parts = new Map<string, PartUsage>()
    for (const [name, service] of this.#services) {
      const usage = service.usage()
      if (usage) parts.set(name, usage)
    }
    const broker = this.#broker?.usage()
    if (broker) parts.set('broker', broker)
    const cpuSeconds = cpuOfTree(this.#postgres.pid)
    if (cpuSeconds !== undefined) parts.set('postgres', { cpuSeconds, maxRssMb: undefined })
    return parts
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const started of this.#started.toReversed()) await started[Symbol.asyncDispose]()
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #start(name: SystemName): Promise<void> {
    this.#postgres = await startPostgres({ dir: join(this.#folder, 'postgres') })
    this.#started.push(this.#postgres)
    if (name === 'http-saga') return this.#startPeer()
    this.#broker = name === 'millrace' ? await startOurs(this.#folder) : await startApache()
    this.#started.push(this.#broker)
    await this.#startOurs({ KAFKA_BROKERS: this.#broker.address })
  }

  async #startOurs(kafka: Readonly<Record<string, string>>): Promise<void> {
    const main = (name: string): URL =>
      new URL(`../../../services/${name}/src/main.ts`, import.meta.url)
    const start = (name: string, env: Readonly<Record<string, string>> = {}): Promise<void> =>
      this.#service(name, main(name), { ...kafka, IMPORT_TOKEN: importToken, ...env })
    await Promise.all(['users', 'catalog', 'payments', 'stock', 'orders', 'read'].map(this.#make))
    await start('users')
    await start('catalog')
    await this.#stockUp()
    await start('payments', { PAYMENTS_OPENING_BALANCE_MILLS: String(balanceMills) })
    await start('stock')
    await this.#bookGoods()
    await start('orders', {
      ...this.#checks(),
      READ_DATABASE_URL: this.#postgres.urlOf('read'),
      // A slow answer is waited for, so that every order is checked, as the peer's are.
      CHECK_TIMEOUT_MS: '30000',
    })
    const stateDir = join(this.#folder, 'order-saga')
    await start('order-saga', {
      STREAM_STATE_DIR: stateDir,
      STREAM_COMMIT_INTERVAL: commitInterval,
    })
  }

  /** Users and catalog are ours, with their publishing off: nobody listens to it here. */
  async #startPeer(): Promise<void> {
    const ours = (name: string): URL =>
      new URL(`../../../services/${name}/src/main.ts`, import.meta.url)
    const peer = (name: string): URL => new URL(`./peer/${name}.ts`, import.meta.url)
    const common = { IMPORT_TOKEN: importToken, KAFKA_ENABLED: 'false' }
    await Promise.all(['users', 'catalog', 'payments', 'stock', 'orders'].map(this.#make))
    await this.#service('users', ours('users'), common)
    await this.#service('catalog', ours('catalog'), common)
    await this.#stockUp()
    for (const [name, folder] of [
      ['payments', 'payments/migrations/'],
      ['stock', 'stock/migrations/'],
      ['orders', 'orders/migrations/write/'],
    ] as const) {
      const directory = new URL(`../../../services/${folder}`, import.meta.url)
      await migrate(this.databaseOf(name), { directory, name })
    }
    await this.databaseOf('payments').query(
      'insert into account (customer_id, balance_mills) select unnest($1::text[]), $2::bigint',
      [customerIds, balanceMills],
    )
    await this.databaseOf('stock').query(
      'insert into stock_item (sku, on_hand) select unnest($1::text[]), $2::bigint',
      [skus, onHand],
    )
    await this.#service('payments', peer('payments'))
    await this.#service('stock', peer('stock'))
    const asked = { PAYMENTS_URL: this.urlOf('payments'), STOCK_URL: this.urlOf('stock') }
    await this.#service('orders', peer('orders'), { ...this.#checks(), ...asked })
  }

  readonly #make = (database: string): Promise<unknown> =>
    ensureDatabase(this.#postgres.url, database)

  async #service(
    name: string,
    file: URL,
    env: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const url = name === 'order-saga' ? {} : { DATABASE_URL: this.#postgres.urlOf(name) }
    const service = await ServiceProcess.start({
      name,
      file,
      env: { ...url, ...env },
      folder: this.#folder,
    })
    this.#started.push(service)
    this.#services.set(name, service)
  }

  /** Where orders asks. */
  #checks(): Readonly<Record<string, string>> {
    return { USERS_URL: this.urlOf('users'), CATALOG_URL: this.urlOf('catalog') }
  }

  async #stockUp(): Promise<void> {
    const users = customerIds.map((id) => ({ id, name: id }))
    await this.#import('users', '/api/users/import', { users })
    const products = skus.map((sku) => ({
      sku,
      name: sku,
      unitPriceMills: priceOf(sku),
      stockUnit: 'piece',
    }))
    await this.#import('catalog', '/api/products/import', { products })
  }

  async #bookGoods(): Promise<void> {
    const at = new Date().toISOString()
    const lines = skus.map((sku) => ({ id: `delivery of ${sku}`, sku, quantity: onHand, at }))
    await this.#import('stock', '/api/stock/import', { lines })
  }

  async #import(service: string, path: string, body: object): Promise<void> {
    using client = new JsonClient(1)
    const headers = { authorization: `Bearer ${importToken}` }
    const answer = await client.post<unknown>(this.urlOf(service) + path, body, headers)
    if (answer.status !== 200)
      throw new Error(`${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
  }
}
