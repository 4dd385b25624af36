import type { Clock, Logger, Meter, Tracer } from '@millrace/core'
import type { FastifyRequest } from 'fastify'
import { standardConfig, type ConfigTable, type ServiceConfig } from './config-table.ts'
import { RuntimeError } from './errors.ts'
import type { ServiceApp } from './http-app.ts'
import type { Caller, IdentityHeaders } from './identity/caller.ts'
import type { ReadinessCheck, ReadinessParts } from './readiness.ts'

/** Whether who sent a request may read why parts are not up. Never rejects: health is answered to anybody. */
export type ReasonsCheck = (request: FastifyRequest) => Promise<boolean>

/** What `setup` is given. */
export interface ServiceContext<Table extends ConfigTable = ConfigTable> {
  readonly config: ServiceConfig<Table>
  /** Register routes here. Those with `config: { availableWhileStarting: true }` answer before the start is done. */
  readonly app: ServiceApp
  readonly logger: Logger
  readonly meter: Meter
  /** Records spans where OTEL_EXPORTER_OTLP_ENDPOINT is set. */
  readonly tracer: Tracer
  readonly clock: Clock
  /**
   * Who is named by what another service hands on of a request that it got, as the runtime finds out who a request of ours comes from. Null for
   * nobody, and in a service with an identity of its own.
   * @throws RuntimeError `MR_RUNTIME_KEYS_UNAVAILABLE`, in production mode alone
   */
  readonly identify: (identity: IdentityHeaders) => Promise<Caller | null>
  /** Adds a part to /health/ready. */
  readonly addReadiness: (name: string, check: ReadinessCheck) => void
  /** Adds parts whose number is known only when asked; the source keeps its own time limit and never rejects. */
  readonly addReadinessParts: (source: ReadinessParts) => void
  /**
   * Who is told in /health/ready why a part is not up; by default everybody who reaches it. The others get names and states. For a service that
   * strangers reach: reasons have addresses in them.
   */
  readonly tellReasonsTo: (check: ReasonsCheck) => void
  /**
   * Work to be done after the server listens and before routes answer: migrations, topics, consumers. Functions run in the order
   * they were added. One that throws a retryable error is run again with backoff until it works or the service closes, so it must
   * be repeatable; any other error fails the start for good.
   * @param name shown in /health/ready while it runs
   */
  readonly onStart: (fn: (signal: AbortSignal) => void | Promise<void>, name?: string) => void
  /** Work to be done at the end, after the last request; the last added runs first. Also runs when the start failed. */
  readonly onClose: (fn: () => void | Promise<void>) => void
}

export interface ServiceDefinition<Table extends ConfigTable = ConfigTable> {
  /** Lower case with dashes, such as `discussion-analytics`. */
  readonly name: string
  readonly version: string
  /** One or two sentences for people who read the API. */
  readonly description: string
  /** Port when `PORT` is not set. Default 0: any free one. */
  readonly port?: number
  readonly config: Table
  /**
   * Who finds out who a request comes from: the runtime, by what the gateway signed (the default), or, for the gateway, the service itself.
   */
  readonly identity?: 'signed' | 'own'
  /** Largest request body, bytes; a route may set its own. Default 262,144. */
  readonly bodyLimitBytes?: number
  /**
   * Builds the service: opens what is opened lazily, registers routes and hooks. Must not wait for anything outside; that is for
   * `onStart`, since the server listens only when `setup` is done.
   */
  setup(context: ServiceContext<Table>): void | Promise<void>
}

/**
 * Declares a service with the types of its config kept.
 * @throws RuntimeError `MR_RUNTIME_BAD_DEFINITION` when two config keys read one variable, or the name is not in dashes
 */
export function defineService<const Table extends ConfigTable>(
  definition: ServiceDefinition<Table>,
): ServiceDefinition<Table> {
  if (!/^[a-z][a-z0-9-]*$/.test(definition.name)) {
    throw new RuntimeError(
      'MR_RUNTIME_BAD_DEFINITION',
      `Service name "${definition.name}" must be lower case letters, digits and dashes.`,
      { name: definition.name },
    )
  }
  const seen = new Set<string>()
  for (const [key, entry] of Object.entries(fullTable(definition))) {
    if (!seen.has(entry.env)) {
      seen.add(entry.env)
      continue
    }
    throw new RuntimeError(
      'MR_RUNTIME_BAD_DEFINITION',
      `${definition.name}: the config key "${key}" reads ${entry.env}, which another key reads already. Rename one.`,
      { name: definition.name, key, env: entry.env },
    )
  }
  return definition
}

/** The service's own rows and the standard ones, the port's default filled in. */
export function fullTable(definition: ServiceDefinition): ConfigTable {
  return {
    ...standardConfig,
    port: { ...standardConfig.port, default: definition.port ?? 0 },
    ...definition.config,
  }
}
