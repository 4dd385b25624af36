import {
  orderReadDatabase,
  serviceDatabases,
  servicePorts,
  serviceStopOrder,
  type ServiceName,
} from '@millrace/contracts'
import { startBrokerProcess, startPostgres } from '@millrace/embedded'
import { ensureDatabase, withDatabaseName } from '@millrace/postgres'
import { systemClock } from '@millrace/core'
import { ExitCode } from '@millrace/runtime'
import { startChild, lastLogLines } from './child-process.ts'
import type { DataDirectory } from './data-directory.ts'
import { DevError } from './errors.ts'
import { HostProcess } from './host-process.ts'
import { Part, type Instance, type PartOptions, type PartState } from './part.ts'
import type { PlatformPorts } from './platform-ports.ts'

export interface PlatformOptions {
  readonly directory: DataDirectory
  readonly ports: PlatformPorts
  /** One process per service instead of one for all. */
  readonly hasProcessPerService: boolean
  /** A server of the user's own instead of ours. */
  readonly databaseUrl?: string | undefined
  readonly kafkaBrokers?: string | undefined
  /** 'false' stops publishing and consuming; events pile up meanwhile. */
  readonly isKafkaEnabled: string
  readonly mode: 'development' | 'production'
  readonly logLevel: string
  /** Fault points to arm in the first process of a service, by service; its restarts are unarmed. */
  readonly faults: Readonly<Partial<Record<ServiceName, string>>>
  /** Settings of how people are known, handed on as they are, by service. */
  readonly identity?:
    | Readonly<Partial<Record<ServiceName, Readonly<Record<string, string>>>>>
    | undefined
  /** Settings of the archive of old days, handed on as they are, for all services with a log. */
  readonly archive?: Readonly<Record<string, string>> | undefined
  readonly onChange: (part: string, state: PartState, detail: string) => void
}

/** What tracking looks at: the databases of the services, and the read model of orders, whose inbox is one of its own. */
const databases = { ...serviceDatabases, 'orders-read': orderReadDatabase } as const

/** How long a part may take to become ready before the start says what it waits for. */
const readyTimeoutMs = 120_000
const readyPollMs = 40

/** The parts of one running platform: Postgres, broker and services, each restarted when it dies. */
export class Platform {
  readonly #options: PlatformOptions
  readonly #parts: Part[] = []
  readonly #armed = new Set<ServiceName>()
  readonly #watchers = new Map<string, AbortController>()
  #adminUrl = ''
  #importToken = ''
  /** Rejected when a service says that it will never start, so that nobody waits for it. */
  readonly #refused = Promise.withResolvers<never>()

  constructor(options: PlatformOptions) {
    this.#options = options
    this.#adminUrl = options.databaseUrl ?? ''
    // Only `start` listens; a refusal after it is shown as the part's state.
    this.#refused.promise.catch(() => {})
  }

  get kafkaBrokers(): string {
    return this.#options.kafkaBrokers ?? `127.0.0.1:${this.#options.ports.broker}`
  }

  get gatewayUrl(): string {
    return `http://localhost:${this.#options.ports.services.gateway}`
  }

  /** By service, and the read model of orders; empty until Postgres runs. */
  get databaseUrls(): Readonly<Record<string, string>> {
    if (this.#adminUrl === '') return {}
    const entries = Object.entries(databases).map(([service, name]) => [
      service,
      withDatabaseName(this.#adminUrl, name),
    ])
    return Object.fromEntries(entries) as Record<string, string>
  }

  get pids(): Readonly<Record<string, number>> {
    const entries = this.#parts.flatMap((part) =>
      part.pid === undefined ? [] : [[part.name, part.pid] as const],
    )
    return Object.fromEntries(entries)
  }

  /** Kills a process of ours, as a crash would, and holds its restart for `downMs`; false where there is none of that name. */
  crash(name: string, downMs: number): boolean {
    return this.#parts.find((part) => part.name === name)?.crash(downMs) ?? false
  }

  /** Starts everything; resolves when all is ready. The gateway listens long before that. */
  async start(): Promise<void> {
    await Promise.race([this.#startAll(), this.#refused.promise])
  }

  async #startAll(): Promise<void> {
    this.#importToken = await this.#options.directory.importToken()
    const startServices = this.#options.hasProcessPerService
      ? this.#serviceProcesses()
      : this.#hostedServices()
    await Promise.all([this.#startPostgres().then(startServices), this.#startBroker()])
    await Promise.all(this.#serviceNames().map((name) => this.#untilReady(name)))
  }

  /** Stops the parts in order: services before what they stand on. */
  async stop(): Promise<void> {
    for (const watcher of this.#watchers.values()) watcher.abort()
    for (const part of [...this.#parts].toSorted((a, b) => stopRank(a.name) - stopRank(b.name)))
      await part.stop()
  }

  #serviceNames(): ServiceName[] {
    return Object.keys(servicePorts) as ServiceName[]
  }

  #part(
    name: string,
    launch: () => Promise<Instance>,
    options: Partial<Pick<PartOptions, 'readyDetail' | 'onChange'>>,
  ): Part {
    const part = new Part({
      name,
      launch,
      onChange: (state, detail) => this.#options.onChange(name, state, detail),
      ...options,
    })
    this.#parts.push(part)
    return part
  }

  async #startPostgres(): Promise<void> {
    if (this.#options.databaseUrl) {
      this.#options.onChange('postgres', 'ready', 'yours, by DATABASE_URL')
    } else {
      const { directory, ports } = this.#options
      const part = this.#part(
        'postgres',
        async () => {
          const server = await startPostgres({
            dir: directory.file('postgres'),
            port: ports.postgres,
          })
          this.#adminUrl = server.url
          return server
        },
        { readyDetail: `localhost:${ports.postgres}` },
      )
      await part.start()
    }
    await Promise.all(Object.values(databases).map((name) => ensureDatabase(this.#adminUrl, name)))
  }

  async #startBroker(): Promise<void> {
    if (this.#options.kafkaBrokers) {
      this.#options.onChange(
        'broker',
        'ready',
        `yours, by KAFKA_BROKERS: ${this.#options.kafkaBrokers}`,
      )
      return
    }
    const { directory, ports } = this.#options
    const part = this.#part(
      'broker',
      () => startBrokerProcess({ dir: directory.file('broker'), port: ports.broker }),
      { readyDetail: `localhost:${ports.broker}` },
    )
    await part.start()
  }

  /** Starts the gateway at once and returns what starts the others when Postgres is there. */
  #hostedServices(): () => Promise<void> {
    let started: ServiceName[] = ['gateway']
    const host = new HostProcess({
      logFile: this.#logFile('services'),
      faults: () => this.#takeFaults(),
    })
    const part = this.#part(
      'services',
      async () => {
        const instance = host.launch()
        for (const name of started) host.startService(name, this.#environmentOf(name))
        return instance
      },
      { onChange: (state, detail) => this.#hostChanged(state, detail) },
    )
    host.onFailed = (service, detail) => this.#refuse(service, detail)
    const hostStart = part.start()
    void this.#watchReadiness('gateway')
    return async () => {
      await hostStart
      started = this.#serviceNames()
      for (const name of started) {
        if (name === 'gateway') continue
        this.#options.onChange(name, 'starting', '')
        host.startService(name, this.#environmentOf(name))
        void this.#watchReadiness(name)
      }
    }
  }

  #hostChanged(state: PartState, detail: string): void {
    for (const name of this.#serviceNames()) {
      if (name !== 'gateway' && state === 'starting' && detail === '')
        this.#options.onChange(name, 'waiting', 'needs postgres')
      else this.#serviceChanged(name, state, detail)
    }
  }

  #serviceProcesses(): () => Promise<void> {
    const gateway = this.#serviceProcess('gateway').start()
    return async () => {
      await gateway
      const others = this.#serviceNames().filter((name) => name !== 'gateway')
      await Promise.all(others.map((name) => this.#serviceProcess(name).start()))
    }
  }

  #serviceProcess(name: ServiceName): Part {
    const file = new URL(`../../services/${name}/src/main.ts`, import.meta.url)
    return this.#part(
      name,
      () => {
        const faults = this.#takeFaultsOf(name)
        const env = { ...this.#environmentOf(name), ...(faults ? { MILLRACE_FAULTS: faults } : {}) }
        const logFile = this.#logFile(name)
        const child = startChild({ file, env, logFile })
        void child.exited.then(({ code }) => {
          // Ended by itself, not killed: it says that it cannot start.
          if (code !== null && code !== ExitCode.OK)
            this.#refuse(name, lastLogLines(logFile, 3).join('\n'))
        })
        return Promise.resolve(child)
      },
      { onChange: (state, detail) => this.#serviceChanged(name, state, detail) },
    )
  }

  #refuse(service: ServiceName, reason: string): void {
    this.#options.onChange(service, 'failed', reason)
    this.#refused.reject(new DevError('MR_DEV_PART_FAILED', `${service}: ${reason}`, { service }))
  }

  /** A process that started is not ready yet: its own health route says when. */
  #serviceChanged(name: ServiceName, state: PartState, detail: string): void {
    this.#options.onChange(name, state, detail)
    if (state === 'starting') void this.#watchReadiness(name)
  }

  async #watchReadiness(name: ServiceName): Promise<void> {
    this.#watchers.get(name)?.abort()
    const watcher = new AbortController()
    this.#watchers.set(name, watcher)
    // The gateway is usable as soon as it listens; that all parts are ready is said by "Ready".
    const path = name === 'gateway' ? '/health/live' : '/health/ready'
    const url = `http://127.0.0.1:${this.#options.ports.services[name]}${path}`
    while (!watcher.signal.aborted) {
      if (await answersOk(url)) {
        this.#options.onChange(name, 'ready', `localhost:${this.#options.ports.services[name]}`)
        return
      }
      await systemClock.sleep(readyPollMs, watcher.signal).catch(() => {})
    }
  }

  async #untilReady(name: ServiceName): Promise<void> {
    const url = `http://127.0.0.1:${this.#options.ports.services[name]}/health/ready`
    const deadlineMs = systemClock.monotonicMs() + readyTimeoutMs
    while (!(await answersOk(url))) {
      if (systemClock.monotonicMs() > deadlineMs) {
        const logFile = this.#logFile(this.#options.hasProcessPerService ? name : 'services')
        throw new DevError(
          'MR_DEV_PART_FAILED',
          `${name} was not ready within ${readyTimeoutMs / 1000} s. Last lines of ${logFile}:\n${lastLogLines(logFile, 20).join('\n')}`,
          { service: name, logFile },
        )
      }
      await systemClock.sleep(readyPollMs)
    }
  }

  #logFile(name: string): string {
    return this.#options.directory.file(`logs/${name}.log`)
  }

  #takeFaults(): string | undefined {
    return (
      this.#serviceNames()
        .flatMap((name) => this.#takeFaultsOf(name) ?? [])
        .join(',') || undefined
    )
  }

  #takeFaultsOf(name: ServiceName): string | undefined {
    if (this.#armed.has(name)) return undefined
    this.#armed.add(name)
    return this.#options.faults[name]
  }

  #environmentOf(name: ServiceName): Record<string, string> {
    const { ports, directory, mode, logLevel } = this.#options
    const common = {
      PORT: String(ports.services[name]),
      HOST: '127.0.0.1',
      MILLRACE_MODE: mode,
      LOG_LEVEL: logLevel,
    }
    if (name === 'gateway') {
      return {
        ...common,
        ...this.#addresses(),
        ...this.#options.identity?.gateway,
        // The lab lets anybody who reaches the page kill things.
        ...(mode === 'development' ? { LAB_URL: `http://127.0.0.1:${ports.lab}` } : {}),
        START_STATUS_FILE: directory.file('start-status.json'),
      }
    }
    const database = this.databaseUrls[name]
    return {
      ...common,
      ...(database === undefined ? {} : { DATABASE_URL: database }),
      IDENTITY_JWKS_URLS: `http://127.0.0.1:${ports.services.gateway}/api/identity/jwks`,
      KAFKA_BROKERS: this.kafkaBrokers,
      KAFKA_ENABLED: this.#options.isKafkaEnabled,
      ...this.#options.archive,
      ...this.#ownEnvironmentOf(name),
    }
  }

  /** Where each service listens, under the names that services know one another by, such as `DISCUSSIONS_URL`. */
  #addresses(): Record<string, string> {
    return Object.fromEntries(
      Object.entries(this.#options.ports.services).map(([name, port]) => [
        `${name.replaceAll('-', '_').toUpperCase()}_URL`,
        `http://127.0.0.1:${port}`,
      ]),
    )
  }

  #ownEnvironmentOf(name: Exclude<ServiceName, 'gateway'>): Record<string, string> {
    switch (name) {
      case 'discussions':
        return { IMPORT_TOKEN: this.#importToken }
      case 'discussion-analytics':
        return { INSTANCE_ID: `${name}-1` }
      case 'users':
        return { IMPORT_TOKEN: this.#importToken, ...this.#options.identity?.users }
      case 'catalog':
        return { IMPORT_TOKEN: this.#importToken }
      case 'payments':
      case 'stock':
        return { IMPORT_TOKEN: this.#importToken, INSTANCE_ID: `${name}-1` }
      case 'orders': {
        const { USERS_URL = '', CATALOG_URL = '' } = this.#addresses()
        return {
          IMPORT_TOKEN: this.#importToken,
          INSTANCE_ID: `${name}-1`,
          USERS_URL,
          CATALOG_URL,
        }
      }
      case 'order-saga':
        return { STREAM_STATE_DIR: this.#options.directory.file('order-saga') }
      case 'tracking':
        return {
          TRACKING_DATABASES: Object.entries(this.databaseUrls)
            .map(([service, url]) => `${service}=${url}`)
            .join(','),
        }
    }
  }
}

function stopRank(part: string): number {
  return ['services', ...serviceStopOrder, 'broker', 'postgres'].indexOf(part)
}

async function answersOk(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) })
    await response.body?.cancel()
    return response.ok
  } catch {
    return false
  }
}
