import type { AddressInfo } from 'node:net'
import {
  backoffMs,
  noopTracer,
  systemClock,
  toError,
  type Clock,
  type Logger,
} from '@millrace/core'
import { standardConfig, type ConfigTable, type ServiceConfig } from './config-table.ts'
import { RuntimeError } from './errors.ts'
import { createHttpApp, type HttpApp } from './http-app.ts'
import { CallerReader, type CallerReaderOptions } from './identity/caller-reader.ts'
import { createLogger } from './logger.ts'
import { registerOpenApi } from './openapi.ts'
import { registerOperationalRoutes } from './operational-routes.ts'
import { PrometheusMeter } from './prometheus-meter.ts'
import { maskConfig, readConfig, type Environment } from './read-config.ts'
import { Readiness, ServicePhase, type ReadinessReport } from './readiness.ts'
import {
  fullTable,
  type ReasonsCheck,
  type ServiceContext,
  type ServiceDefinition,
} from './service.ts'
import { Shutdown } from './shutdown.ts'
import { StartHooks } from './start-hooks.ts'
import { startTracing, type Tracing } from './tracing.ts'

const defaultBodyLimitBytes = 256 * 1024

export interface StartServiceOptions<Table extends ConfigTable = ConfigTable> {
  /** Variables to read the config from; none by default, so that nothing leaks in from the process. */
  readonly env?: Environment
  /** Config values that win over `env`. */
  readonly overrides?: Partial<ServiceConfig<Table>>
  /** Lines to standard output at LOG_LEVEL by default. */
  readonly logger?: Logger
  readonly clock?: Clock
}

/** A service that listens. Whether it is ready is another matter. */
export interface RunningService extends AsyncDisposable {
  readonly name: string
  /** `http://host:port`, the port being the one really taken. */
  readonly url: string
  readonly port: number
  /**
   * Resolves when the start hooks are done and every readiness check passed once. Rejects with `MR_RUNTIME_START_FAILED` when a
   * start hook failed for good (the service then goes on answering 503), or `MR_RUNTIME_CLOSED` when closed before.
   */
  readonly ready: Promise<void>
  /** Runs the readiness checks now. */
  isReady(): Promise<boolean>
  readiness(): Promise<ReadinessReport>
  /** Stops accepting, finishes running requests (5 s at most), ends event streams, runs close hooks backwards. Idempotent. */
  close(): Promise<void>
}

/**
 * Starts a service in this process and resolves as soon as it listens; see `ready` for the rest.
 * @throws RuntimeError `MR_RUNTIME_BAD_CONFIG` with every fault, `MR_RUNTIME_PORT_TAKEN` naming the port; what `setup` throws
 */
export async function startService<Table extends ConfigTable>(
  definition: ServiceDefinition<Table>,
  options: StartServiceOptions<Table> = {},
): Promise<RunningService> {
  const table = fullTable(definition)
  const { values, warnings } = readConfig({
    serviceName: definition.name,
    table,
    env: options.env ?? {},
    ...(options.overrides ? { overrides: options.overrides } : {}),
  })
  const config = values as ServiceConfig<Table>
  const logger =
    options.logger ?? createLogger({ service: definition.name, level: config.logLevel })
  const clock = options.clock ?? systemClock
  for (const warning of warnings) logger.warn('unknown configuration key', { warning })
  logger.debug('configuration', { config: maskConfig(table, values) })

  const readiness = new Readiness(clock)
  const meter = new PrometheusMeter()
  const tracing = await tracingOf(definition, config, logger)
  const tracer = tracing?.tracer ?? noopTracer
  const callers = callersOf(definition, config, { clock, logger, meter })
  const http = createHttpApp({
    bodyLimitBytes: definition.bodyLimitBytes ?? defaultBodyLimitBytes,
    logger,
    meter,
    tracer,
    readiness,
    callers,
  })
  const startHooks = new StartHooks({ readiness, logger, clock })
  const shutdown = new Shutdown({ http, readiness, startHooks, logger })
  // Added first, so run last: what closes before it may still record.
  if (tracing) shutdown.add(() => tracing.close())
  let mayReadReasons: ReasonsCheck | undefined
  const context: ServiceContext<Table> = {
    config,
    app: http.app,
    logger,
    meter,
    tracer,
    clock,
    identify: async (identity) => (await callers?.callerOf(identity, false)) ?? null,
    addReadiness: (name, check) => readiness.add(name, check),
    addReadinessParts: (source) => readiness.addParts(source),
    tellReasonsTo: (check) => (mayReadReasons = check),
    onStart: (fn, name) => startHooks.add(fn, name),
    onClose: (fn) => shutdown.add(fn),
  }
  try {
    await registerOpenApi(http.app, definition)
    registerOperationalRoutes(http.app, definition, {
      readiness,
      meter,
      mayReadReasons: () => mayReadReasons,
    })
    await definition.setup(context)
    await listen(http, definition.name, config)
  } catch (error) {
    await shutdown.close()
    throw error
  }
  const { address, family, port } = http.app.server.address() as AddressInfo
  logger.info('listening', { port })
  const ready = startHooks.run().then(() => allChecksPassed(readiness, clock, startHooks.signal))
  ready.then(
    () => logger.info('ready', { port }),
    () => {},
  )
  return {
    name: definition.name,
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    port,
    ready,
    isReady: async () => (await readiness.report()).status === 'ready',
    readiness: () => readiness.report(),
    close: () => shutdown.close(),
    [Symbol.asyncDispose]: () => shutdown.close(),
  }
}

/** @throws RuntimeError `MR_RUNTIME_BAD_CONFIG`: in production mode nobody could ever be known */
function callersOf(
  { name, identity = 'signed' }: ServiceDefinition,
  { mode, identityJwksUrls: jwksUrls, identityKeysTimeoutMs }: ServiceConfig<ConfigTable>,
  parts: Pick<CallerReaderOptions, 'clock' | 'logger' | 'meter'>,
): CallerReader | undefined {
  if (identity === 'own') return undefined
  if (mode === 'production' && jwksUrls.length === 0) {
    throw new RuntimeError(
      'MR_RUNTIME_BAD_CONFIG',
      `${name} does not start in production mode without IDENTITY_JWKS_URLS: it could not tell who a request comes from, and would refuse all. Name the gateway's, such as http://127.0.0.1:8080/api/identity/jwks.`,
      { name, env: standardConfig.identityJwksUrls.env },
    )
  }
  return new CallerReader({ mode, jwksUrls, keysTimeoutMs: identityKeysTimeoutMs, ...parts })
}

function tracingOf(
  { name, version }: ServiceDefinition,
  config: ServiceConfig<ConfigTable>,
  logger: Logger,
): Promise<Tracing> | undefined {
  if (config.otlpEndpoint === null) return undefined
  return startTracing({
    serviceName: name,
    serviceVersion: version,
    endpoint: config.otlpEndpoint,
    headers: config.otlpHeaders,
    ratio: config.traceRatio,
    logger,
  })
}

async function listen(
  { app }: HttpApp,
  name: string,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<void> {
  try {
    await app.listen({ host, port })
  } catch (thrown) {
    const error = toError(thrown)
    if (!('code' in error) || error.code !== 'EADDRINUSE') throw error
    throw new RuntimeError(
      'MR_RUNTIME_PORT_TAKEN',
      `${name} cannot listen on ${host}:${port}, another process does. Stop that one, or set PORT to a free port (0 takes any).`,
      { name, host, port },
      { cause: error },
    )
  }
}

async function allChecksPassed(
  readiness: Readiness,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    if (signal.aborted) throw signal.reason as Error
    if (readiness.phase === ServicePhase.RUNNING && (await readiness.report()).status === 'ready')
      return
    await clock.sleep(backoffMs(attempt, { baseMs: 20, maxMs: 250 }), signal)
  }
}
