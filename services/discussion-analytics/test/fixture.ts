import { testDatabase } from '@millrace/embedded/testing'
import { silentLogger, noopMeter, systemClock } from '@millrace/core'
import type { EventEnvelope } from '@millrace/events'
import { migrate, openDatabase, type Database } from '@millrace/postgres'
import { createDiscussionInbox } from '../src/consume-discussions.ts'
import { foldEvents } from '../src/domain/fold-events.ts'
import { applyThreadChanges } from '../src/sql/apply-changes.ts'

export interface Tables extends AsyncDisposable {
  readonly url: string
  readonly database: Database
  /** One batch, in one transaction, as the consumer does it. */
  apply(events: readonly EventEnvelope[]): Promise<void>
}

/** A database with the service's tables. */
export async function openTables(): Promise<Tables> {
  const server = await testDatabase()
  const database = openDatabase({ url: server.url, applicationName: 'analytics-test' })
  const common = { database, logger: silentLogger, meter: noopMeter, clock: systemClock }
  await createDiscussionInbox(common).migrate()
  await migrate(database, {
    name: 'discussion-analytics',
    directory: new URL('../migrations/', import.meta.url),
  })
  return {
    url: server.url,
    database,
    apply: (events) => database.transaction((tx) => applyThreadChanges(tx, foldEvents(events))),
    [Symbol.asyncDispose]: async () => {
      await database.close()
      await server[Symbol.asyncDispose]()
    },
  }
}
