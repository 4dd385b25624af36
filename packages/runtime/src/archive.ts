import { assert } from '@millrace/core'
import type { ConfigTable } from './config-table.ts'
import type { ServiceContext } from './service.ts'

const archiveDirectory = {
  type: 'string',
  env: 'ARCHIVE_DIRECTORY',
  default: null,
  minLength: 1,
  doc: 'Where old days of the event logs go, as compressed files; without it they stay in the database. Services may share one.',
} as const

const restoredDays = {
  type: 'integer',
  env: 'ARCHIVE_RESTORED_DAYS',
  min: 1,
  max: 365,
  default: 7,
  doc: 'Whole days that a day which was brought back stays; then it goes to files again.',
} as const

/** Rows of the config of a service with a production log. */
export const productionArchiveConfig = {
  archiveDirectory,
  archiveHotDays: {
    type: 'integer',
    env: 'ARCHIVE_HOT_DAYS',
    min: 2,
    max: 3_650,
    default: 14,
    doc: 'Whole days of the production log that stay in the database.',
  },
  restoredDays,
} as const satisfies ConfigTable

/** Rows of the config of a service with a consumption log. */
export const consumptionArchiveConfig = {
  archiveDirectory,
  consumptionHotDays: {
    type: 'integer',
    env: 'ARCHIVE_CONSUMPTION_HOT_DAYS',
    min: 14,
    max: 3_650,
    default: 30,
    doc: 'Whole days of the consumption log that stay in the database; at least the topic’s retention and the age of dead letters that may be sent again, 7 each.',
  },
  restoredDays,
} as const satisfies ConfigTable

/** What runs until it is closed. */
export interface ArchiveRun {
  close(): Promise<void>
}

interface Days {
  readonly directory: string
  readonly hotDays: number
  readonly restoredDays: number
}

/** The logs of a service. An outbox and an inbox are such. */
export interface ArchivedLogs {
  readonly production?: { startArchive(days: Days): ArchiveRun }
  readonly consumptions?: readonly { scheduleArchive(days: Days): ArchiveRun }[]
}

/** Values of the rows above, as far as the service has them. */
export interface ArchiveSettings {
  readonly archiveDirectory: string | null
  readonly archiveHotDays?: number
  readonly consumptionHotDays?: number
  readonly restoredDays: number
}

/**
 * Moves old days of the logs into files from the start to the end of the service, where a directory is set. To be called behind what closes the databases
 * and behind the `onStart` that makes the tables.
 */
export function archiveOldDays(
  context: Pick<ServiceContext, 'onStart' | 'onClose'> & { readonly config: ArchiveSettings },
  logs: ArchivedLogs,
): void {
  const { archiveDirectory: directory, restoredDays, ...hot } = context.config
  if (directory === null) return
  const days = (hotDays: number | undefined): Days => {
    assert(hotDays !== undefined, 'A log that is archived has its rows in the config')
    return { directory, hotDays, restoredDays }
  }
  const runs: ArchiveRun[] = []
  context.onStart(() => {
    // Once, however often the start is tried.
    if (runs.length > 0) return
    if (logs.production) runs.push(logs.production.startArchive(days(hot.archiveHotDays)))
    for (const log of logs.consumptions ?? [])
      runs.push(log.scheduleArchive(days(hot.consumptionHotDays)))
  }, 'archive')
  context.onClose(async () => {
    await Promise.all(runs.map((run) => run.close()))
  })
}
