import { isUuid } from '@millrace/core'
import { migrate, type ArchivedDay, type ArchiveReport } from '@millrace/postgres'
import type {
  InboxArchiveOptions,
  InboxArchiveRunner,
  InboxArchiveSchedule,
} from './archive-types.ts'
import { blame } from './blame.ts'
import { buildConsumer } from './build-consumer.ts'
import { inBounds } from './consume-bounds.ts'
import { InboxDays } from './inbox-days.ts'
import { undatedIdOf } from './log-id.ts'
import { buildShadow } from './operations/build-shadow.ts'
import { LogPartitions } from './partitions.ts'
import { letKeyGo, listBlockedKeys, releaseKey } from './sql/blocked-keys.ts'
import { wakeKey } from './sql/due-events.ts'
import { listEvents, listEventsStatement, type ListFilter } from './sql/list-events.ts'
import { readTotals } from './sql/position.ts'
import { statementsOf, type InboxStatements } from './statements.ts'
import type {
  BatchHandler,
  ConsumeOptions,
  ConsumptionLogRow,
  GroupTotals,
  HandlerContext,
  Inbox,
  InboxConsumer,
  InboxOptions,
  InboxShadow,
  ListEventsOptions,
  ReceivedEvent,
  ShadowOptions,
  WaitingKey,
} from './types.ts'

/**
 * The consuming side of a service: each event takes effect once per group, and has its row in `event_consumption_log`.
 * @throws InboxError `MR_INBOX_BAD_OPTION`
 */
export function createInbox(options: InboxOptions): Inbox {
  return new PostgresInbox(options)
}

/** A batch handler out of one for single events. They share the batch's transaction. */
export function forEachEvent(
  handle: (event: ReceivedEvent, context: HandlerContext) => Promise<void>,
): BatchHandler {
  return async (events, context) => {
    for (const event of events) {
      context.signal.throwIfAborted()
      try {
        await handle(event, context)
      } catch (error) {
        throw blame(event, error)
      }
    }
  }
}

class PostgresInbox implements Inbox {
  readonly #options: InboxOptions
  readonly #schema: string
  readonly #statements: InboxStatements
  readonly #partitions: LogPartitions
  readonly #days: InboxDays

  constructor(options: InboxOptions) {
    this.#options = options
    this.#schema = options.schema ?? 'inbox'
    this.#statements = statementsOf(this.#schema)
    this.#partitions = new LogPartitions(options.database, this.#schema)
    this.#days = new InboxDays(options.database, this.#schema, options.logger, options.clock)
  }

  async migrate(): Promise<void> {
    await migrate(this.#options.database, {
      name: 'inbox',
      schema: this.#schema,
      directory: new URL('../migrations/', import.meta.url),
    })
    await this.#days.migrate()
  }

  consume(consume: ConsumeOptions): InboxConsumer {
    return buildConsumer(this.#options, this.#statements, this.#partitions, consume)
  }

  shadow(options: ShadowOptions): InboxShadow {
    return buildShadow(this.#options, this.#statements, this.#partitions, options)
  }

  archive(options: InboxArchiveOptions): Promise<ArchiveReport> {
    return this.#days.archive(options)
  }

  scheduleArchive(options: InboxArchiveSchedule): InboxArchiveRunner {
    return this.#days.schedule(options)
  }

  restoreDay(day: string, options?: { readonly directory?: string }): Promise<boolean> {
    return this.#days.restore(day, options)
  }

  archivedDays(): Promise<readonly ArchivedDay[]> {
    return this.#days.archivedDays()
  }

  async findEvent(eventId: string): Promise<ConsumptionLogRow | undefined> {
    const [row] = await this.listEvents({ eventId, limit: 1 })
    return row
  }

  totals(): Promise<GroupTotals> {
    const { database, groupId } = this.#options
    return readTotals(database, this.#statements.position, groupId)
  }

  async waitingKeys(limit = 100): Promise<readonly WaitingKey[]> {
    const { database, groupId } = this.#options
    inBounds('limit', limit, 1, 1_000)
    return listBlockedKeys(database, this.#statements.blockedKeys, groupId, limit)
  }

  releaseKey(topic: string, key: string): Promise<boolean> {
    const { database, groupId } = this.#options
    const { blockedKeys, due } = this.#statements
    const at = { groupId, topic, key }
    return database.transaction(async (tx) => {
      if (!(await releaseKey(tx, blockedKeys, at))) return false
      await wakeKey(tx, due, at)
      await letKeyGo(tx, blockedKeys, at)
      return true
    })
  }

  async listEvents(options: ListEventsOptions = {}): Promise<readonly ConsumptionLogRow[]> {
    const { eventId, correlationId } = options
    // Neither is in a column of ids, so nothing can match.
    if (eventId !== undefined && !isUuid(eventId)) return []
    if (correlationId !== undefined && !isUuid(correlationId)) return []
    const filter: ListFilter = {
      eventIds: eventId === undefined ? null : [eventId, undatedIdOf(eventId)],
      correlationId: correlationId ?? null,
      status: options.status ?? null,
      group: options.group === undefined ? this.#options.groupId : options.group,
      limit: inBounds('limit', options.limit ?? 50, 1, 1_000),
    }
    return listEvents(
      this.#options.database,
      listEventsStatement(this.#statements.prepare, filter),
      filter,
    )
  }
}
