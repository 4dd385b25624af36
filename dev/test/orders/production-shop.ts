/** The shop behind a gateway, all in production mode and without a broker: who may do what is decided by what is signed alone. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { silentLogger, systemClock, type Clock } from '@millrace/core'
import { testDatabase } from '@millrace/embedded/testing'
import { gatewayService } from '@millrace/gateway'
import { openDatabase, type Database } from '@millrace/postgres'
import { createSigningKey, publicJwkOf, startService, type Problem } from '@millrace/runtime'
import { inThisProcess, type ShopService } from './shop-parts.ts'

const admin = { email: 'barbara@example.org', password: 'Data abstraction 1974' }
const credentialsOf = (name: string) => ({
  email: `${name}@example.org`,
  password: 'Bernoulli numbers 1843',
})

/** In the order in which they start. */
const services: readonly ShopService[] = ['users', 'catalog', 'stock', 'payments', 'orders']

export interface Answer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>> & Partial<Problem>
}

/** Somebody who has signed in. */
export interface Person {
  readonly id: string
  readonly token: string
}

export interface CallOptions {
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export class ProductionShop implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack()
  readonly #urls = new Map<string, string>()
  readonly #databases = new Map<string, Database>()
  #nowMs = Date.now()
  readonly clock: Clock = { ...systemClock, now: () => this.#nowMs }
  /** The gateway's. */
  readonly key = createSigningKey()

  private constructor() {}

  static async open(): Promise<ProductionShop> {
    const shop = new ProductionShop()
    try {
      await shop.#start()
      return shop
    } catch (error) {
      await shop[Symbol.asyncDispose]()
      throw error
    }
  }

  /** The wall clock of all services. */
  advance(ms: number): void {
    this.#nowMs += ms
  }

  /** @param name of a service, or `orders-read` */
  databaseOf(name: ShopService | 'orders-read'): Database {
    const database = this.#databases.get(name)
    if (!database) throw new Error(`There is no database of ${name}`)
    return database
  }

  /** Through the gateway; null: as nobody. */
  call(
    person: Pick<Person, 'token'> | null,
    method: string,
    path: string,
    options: CallOptions = {},
  ): Promise<Answer> {
    const headers = person ? { authorization: `Bearer ${person.token}` } : {}
    return this.#send('gateway', method, path, {
      ...options,
      headers: { ...options.headers, ...headers },
    })
  }

  /** Around the gateway. */
  direct(
    service: ShopService,
    method: string,
    path: string,
    options: CallOptions = {},
  ): Promise<Answer> {
    return this.#send(service, method, path, options)
  }

  /** Registers a customer, or somebody whom the first admin then makes staff, and signs them in. */
  async person(name: string, role: 'customer' | 'staff' = 'customer'): Promise<Person> {
    const body = { name, ...credentialsOf(name) }
    const registered = await this.call(null, 'POST', '/api/users', { body })
    if (registered.status !== 201) throw new Error(JSON.stringify(registered.body))
    if (role === 'staff') {
      const token = await this.#tokenFor(admin)
      const path = `/api/users/${String(registered.body['id'])}`
      const roles = { roles: ['customer', 'staff'] }
      const raised = await this.call({ token }, 'PATCH', path, { body: roles })
      if (raised.status !== 200) throw new Error(JSON.stringify(raised.body))
    }
    return this.signIn(name)
  }

  /** Somebody who is registered, with a fresh token. */
  async signIn(name: string): Promise<Person> {
    const token = await this.#tokenFor(credentialsOf(name))
    const { body } = await this.call({ token }, 'GET', '/api/me')
    return { id: String(body['userId']), token }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync()
  }

  async #tokenFor(body: object): Promise<string> {
    const answer = await this.call(null, 'POST', '/api/sessions', { body })
    if (answer.status !== 201) throw new Error(JSON.stringify(answer.body))
    return String(answer.body['accessToken'])
  }

  async #start(): Promise<void> {
    const keysUrl = await this.#serveKeys()
    for (const name of services) await this.#startOne(name, keysUrl)
    const gateway = this.#stack.use(
      await startService(gatewayService, {
        env: {
          MILLRACE_MODE: 'production',
          PORT: '0',
          IDENTITY_KEYS_TIMEOUT: '60s',
          ...this.#addresses(),
          IDENTITY_SIGNING_KEY: this.key.privateKey
            .export({ type: 'pkcs8', format: 'der' })
            .toString('base64'),
        },
        logger: silentLogger,
        clock: this.clock,
      }),
    )
    this.#urls.set('gateway', gateway.url)
  }

  async #startOne(name: ShopService, keysUrl: string): Promise<void> {
    const service = await inThisProcess(this.clock)(name, {
      MILLRACE_MODE: 'production',
      PORT: '0',
      DATABASE_URL: await this.#newDatabase(name),
      KAFKA_ENABLED: 'false',
      IDENTITY_JWKS_URLS: keysUrl,
      // A slow machine is no outage.
      IDENTITY_KEYS_TIMEOUT: '60s',
      IMPORT_TOKEN: 'a-token-of-tests-only',
      ...(await this.#ownEnvironmentOf(name)),
    })
    this.#stack.defer(() => service.close())
    await service.ready
    this.#urls.set(name, service.url)
  }

  async #ownEnvironmentOf(name: ShopService): Promise<Readonly<Record<string, string>>> {
    if (name === 'users')
      return {
        SCRYPT_LOG_N: '10',
        FIRST_ADMIN_EMAIL: admin.email,
        FIRST_ADMIN_PASSWORD: admin.password,
      }
    if (name !== 'orders') return {}
    const READ_DATABASE_URL = await this.#newDatabase('orders-read')
    return { ...this.#addresses(), READ_DATABASE_URL, CHECK_TIMEOUT_MS: '30000' }
  }

  async #newDatabase(name: string): Promise<string> {
    const { url } = this.#stack.use(await testDatabase())
    const database = openDatabase({ url, applicationName: 'test', maxConnections: 1 })
    this.#stack.defer(() => database.close())
    this.#databases.set(name, database)
    return url
  }

  #addresses(): Readonly<Record<string, string>> {
    return Object.fromEntries(
      [...this.#urls].map(([name, url]) => [`${name.toUpperCase()}_URL`, url]),
    )
  }

  /** A server of its own, so that services can start before the gateway whose key they check by. */
  async #serveKeys(): Promise<string> {
    const body = JSON.stringify({ keys: [publicJwkOf(this.key.privateKey)] })
    const server = createServer((_request, response) => void response.end(body))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    this.#stack.defer(async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    })
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`
  }

  async #send(
    to: string,
    method: string,
    path: string,
    { body, headers = {} }: CallOptions,
  ): Promise<Answer> {
    const response = await fetch(`${this.#urls.get(to) ?? ''}${path}`, {
      method,
      headers: {
        // What a client says of itself must count for nothing.
        'x-user-id': 'root',
        'x-user-roles': 'admin',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    return {
      status: response.status,
      body: (text === '' ? {} : JSON.parse(text)) as Answer['body'],
    }
  }
}
