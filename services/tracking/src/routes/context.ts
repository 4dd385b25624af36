import type { Logger } from '@millrace/core'
import type { ContractRegistry } from '@millrace/events'
import type { Database } from '@millrace/postgres'
import type { ServiceApp } from '@millrace/runtime'
import type { TrackedLogs } from '../sources/tracked-logs.ts'

/** What routes work with. */
export interface RouteContext {
  readonly app: ServiceApp
  readonly logs: TrackedLogs
  readonly contracts: ContractRegistry
  /** This service's own, with the alerts. */
  readonly database: Database
  readonly logger: Logger
}

export const basePath = '/api/tracking'
