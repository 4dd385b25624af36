import {
  silentLogger,
  systemClock,
  type Clock,
  type Logger,
  type Meter,
  type Tracer,
} from '@millrace/core'
import type { ContractRegistry, EventEnvelope } from '@millrace/events'
import {
  databaseOfPool,
  migrate,
  PostgresError,
  type ArchivedDay,
  type ArchiveOptions,
  type ArchiveReport,
  type Database,
  type ForeignPool,
  type TransactionOptions,
} from '@millrace/postgres'
import { BufferedTransaction, type OutboxTransaction } from './buffered-transaction.ts'
import { OutboxError } from './errors.ts'
import { toEventRow, type EventRules, type NewEventRow, type PublishOptions } from './event-row.ts'
import { createMetrics, type OutboxMetrics } from './metrics.ts'
import { Notifier } from './notifier.ts'
import { OutboxDays, type ArchiveRunner, type ArchiveSchedule } from './outbox-days.ts'
import { PartitionKeeper } from './partition-keeper.ts'
import { LaneRelay, type Relay, type RelayOptions } from './relay.ts'
import { slotCount } from './slot.ts'
import type { ProducedEvent, ProducedEventFilter } from './sql/find-events.ts'
import type { OutboxStats } from './sql/read-stats.ts'
import { sqlNames, type SqlNames } from './sql-names.ts'
import { createStatements, type Statements } from './statements.ts'
import { gaugeStats } from './stats-gauges.ts'

export interface OutboxOptions {
  /** The service's own database, whose business rows the events belong to. Either this or `pool`. */
  readonly database?: Database
  /** The same as a `Pool` of `pg` that the application has already; it stays the application's to close. */
  readonly pool?: ForeignPool
  /** Stored with every event. */
  readonly serviceName: string
  /** Where the tables live. Default 'outbox'. */
  readonly schema?: string
  /** Events are checked against it: type, version, topic and data. Without it only the envelope is checked. */
  readonly contracts?: ContractRegistry
  /** How many relays may work side by side, 1 to 16. Counts at the first `migrate()` only. Default 1. */
  readonly laneCount?: number
  /** Largest payload plus key, bytes. Default 1,000,000, just below the broker's limit for a record. */
  readonly maxEventBytes?: number
  /** Publish attempts stored with each event. Default 5. */
  readonly maxRetries?: number
  readonly logger?: Logger
  readonly meter?: Meter
  /** Gets a span for each event of a recorded trace, from its making to the broker’s answer. Default: none. */
  readonly tracer?: Tracer
  readonly clock?: Clock
}

/** An event and where it goes. */
export interface EventToPublish extends PublishOptions {
  readonly event: EventEnvelope
}

/** A transaction that somebody opened: one of ours, or a client of `pg` between `begin` and `commit`. */
export interface PublishTarget {
  query(statement: { name: string; text: string }, values: unknown[]): Promise<unknown>
  /** Where there is one, the events leave together with the commit. */
  queryLast?(statement: { name: string; text: string }, values: unknown[]): void
}

/** Events that commit with the rows they tell of, and reach Kafka afterwards: at least once, in order per topic and key. */
export interface Outbox {
  /** Installs or upgrades the tables. Safe in any number of processes at once. @throws PostgresError */
  migrate(): Promise<void>
  /**
   * Runs `work` in a transaction of the database. Lock or check what an event tells of before publishing it (an update, an insert, a
   * version): the order of two events of one key is the order in which their transactions did so.
   * @throws what `work` throws; PostgresError, see `Database.transaction`
   */
  transaction<T>(
    work: (tx: OutboxTransaction) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<T>
  /**
   * Changes how many lanes there are, 1 to 16. Close every relay first, and start them again afterwards; events wait meanwhile, and keep
   * their order. Quick: only pending rows are touched.
   * @throws OutboxError `MR_OUTBOX_LANES_IN_USE` while a relay leads a lane, or one that was killed has left a chunk in doubt: start and
   * close a relay then; `MR_OUTBOX_BAD_OPTION`
   */
  setLaneCount(laneCount: number): Promise<void>
  /** A relay in this process; call `start()`. Transactions of this outbox wake it without a round trip. */
  createRelay(options: RelayOptions): Relay
  /**
   * Writes events inside a transaction that somebody else opened, such as an inbox handler's; they exist exactly if it commits. Call it after
   * everything the events tell of was locked or checked. Relays look after the next poll (250 ms) or `wake()`.
   * @throws OutboxError as `OutboxTransaction.publish`, `MR_OUTBOX_DAY_ARCHIVED`; nothing was written then
   */
  publishIn(tx: PublishTarget, events: readonly EventToPublish[]): Promise<void>
  /** Tells relays that there are new events, after the commit of a transaction that `publishIn` was used in. */
  wake(): void
  /** A few ms; see `OutboxStats`. @throws PostgresError */
  stats(): Promise<OutboxStats>
  findEvent(eventId: string): Promise<ProducedEvent | undefined>
  /** Newest first, at most 1,000 a page; the next page is `before` the last one's id. */
  listEvents(filter?: ProducedEventFilter): Promise<readonly ProducedEvent[]>
  /**
   * Sends a FAILED event again. When it gets through, what was parked behind it follows in order. False when it has not failed.
   */
  retryEvent(eventId: string): Promise<boolean>
  /**
   * Moves whole days older than `hotDays` into compressed files and drops them; days with an event that is not published, failed or parked
   * stay. Any number of processes may call it; writers never wait. @throws PostgresError, see `DayLog`
   */
  archive(options: ArchiveOptions): Promise<ArchiveReport>
  /** `archive` now and every hour, until closed. */
  startArchive(options: ArchiveSchedule): ArchiveRunner
  /** Brings an archived day (`YYYY-MM-DD`, UTC) back into the log; false when it is there already. @throws PostgresError, see `DayLog` */
  restore(day: string, options?: { readonly directory?: string }): Promise<boolean>
  /** What was archived, with file, row count and sha-256; oldest day first. */
  archivedDays(): Promise<readonly ArchivedDay[]>
}

/** @throws OutboxError `MR_OUTBOX_BAD_OPTION` */
export function createOutbox(options: OutboxOptions): Outbox {
  return new PostgresOutbox(options)
}

const migrations = new URL('../migrations/', import.meta.url)

class PostgresOutbox implements Outbox {
  readonly #database: Database
  readonly #names: SqlNames
  readonly #sql: Statements
  readonly #rules: EventRules
  readonly #laneCount: number
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #metrics: OutboxMetrics
  readonly #partitions: PartitionKeeper
  readonly #days: OutboxDays
  readonly #notifier: Notifier
  /** Relays of this process that may be woken directly. */
  readonly #relays = new Set<Relay>()

  constructor(options: OutboxOptions) {
    const { serviceName } = options
    const database = databaseFrom(options)
    this.#clock = options.clock ?? systemClock
    this.#logger = options.logger ?? silentLogger
    this.#laneCount = options.laneCount ?? 1
    checkOptions(serviceName, this.#laneCount)
    this.#database = database
    this.#names = sqlNames(options.schema ?? 'outbox')
    this.#sql = createStatements(this.#names)
    this.#rules = {
      serviceName,
      contracts: options.contracts,
      maxEventBytes: options.maxEventBytes ?? 1_000_000,
      maxRetries: options.maxRetries ?? 5,
    }
    this.#metrics = createMetrics(options.meter, options.tracer)
    if (options.meter) gaugeStats(options.meter, () => this.stats(), this.#clock, this.#logger)
    this.#partitions = new PartitionKeeper(database, this.#names, this.#clock, this.#logger)
    this.#days = new OutboxDays(database, this.#names, this.#clock, this.#logger)
    this.#notifier = new Notifier(database, this.#names, this.#clock, this.#logger)
  }

  async migrate(): Promise<void> {
    const { schema } = this.#names
    await migrate(this.#database, { directory: migrations, name: 'outbox', schema })
    await this.#days.migrate()
    await this.#partitions.ensure()
    const laneCount = await this.#sql.createLanes(this.#database, this.#laneCount)
    if (laneCount !== this.#laneCount)
      this.#logger.warn('The outbox keeps the lane count it was installed with', {
        laneCount,
        wantedLaneCount: this.#laneCount,
      })
  }

  async transaction<T>(
    work: (tx: OutboxTransaction) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<T> {
    await this.#partitions.beforeWrite()
    const rows: NewEventRow[] = []
    try {
      const value = await this.#database.transaction(async (tx) => {
        const buffered = new BufferedTransaction(tx, rows, this.#rules, this.#clock)
        const value = await work(buffered).finally(() => buffered.seal())
        const days = this.#days.ensureFor(rows)
        if (days) await days
        for (const [statement, values] of this.#sql.insertEvents(rows))
          tx.queryLast(statement, values)
        return value
      }, options)
      if (rows.length > 0) this.#wake(rows)
      return value
    } catch (error) {
      // It may have been committed; a look costs nothing.
      if (error instanceof PostgresError && error.code === 'MR_POSTGRES_COMMIT_UNKNOWN')
        this.#wake([])
      throw rows.length > 0 ? await this.#days.explain(error, rows) : error
    }
  }

  async setLaneCount(laneCount: number): Promise<void> {
    checkLaneCount(laneCount)
    try {
      const pending = await this.#sql.recutLanes(this.#database, laneCount)
      this.#logger.info('The lanes of the outbox were cut anew', { laneCount, pending })
    } catch (error) {
      if (!(error instanceof PostgresError) || error.sqlState !== '55006') throw error
      throw new OutboxError(
        'MR_OUTBOX_LANES_IN_USE',
        `The lanes cannot be changed to ${laneCount}: ${error.message}. Close all relays; where one was killed or is halted, start one, let it come to rest, and close it.`,
        { laneCount },
        { cause: error },
      )
    }
  }

  createRelay(options: RelayOptions): Relay {
    const relay = new LaneRelay(
      {
        serviceName: this.#rules.serviceName,
        database: this.#database,
        sql: this.#sql,
        names: this.#names,
        logger: this.#logger,
        metrics: this.#metrics,
        partitions: this.#partitions,
        keyFormatOf: (topic) => this.#rules.contracts?.keyFormatOf(topic) ?? 'text',
        onClosed: (closed) => this.#relays.delete(closed),
      },
      { clock: this.#clock, ...options },
    )
    this.#relays.add(relay)
    return relay
  }

  async publishIn(tx: PublishTarget, events: readonly EventToPublish[]): Promise<void> {
    const nowMs = this.#clock.now()
    const rows = events.map(({ event, ...options }) =>
      toEventRow(event, options, this.#rules, nowMs),
    )
    await this.#partitions.beforeWrite()
    await this.#days.ensureFor(rows)
    for (const [statement, values] of this.#sql.insertEvents(rows)) {
      if (tx.queryLast) tx.queryLast(statement, values)
      else await tx.query(statement, values)
    }
    this.#metrics.created(rows)
  }

  wake(): void {
    this.#wake([])
  }

  stats(): Promise<OutboxStats> {
    return this.#sql.readStats(this.#database)
  }

  async findEvent(eventId: string): Promise<ProducedEvent | undefined> {
    return (await this.#sql.findEvents(this.#database, { eventId, limit: 1 }))[0]
  }

  listEvents(filter: ProducedEventFilter = {}): Promise<readonly ProducedEvent[]> {
    return this.#sql.findEvents(this.#database, filter)
  }

  async retryEvent(eventId: string): Promise<boolean> {
    const due = await this.#sql.retryEvents(this.#database, [eventId])
    if (due.length > 0) this.#wake([])
    return due.length > 0
  }

  archive(options: ArchiveOptions): Promise<ArchiveReport> {
    return this.#days.archive(options)
  }

  startArchive(options: ArchiveSchedule): ArchiveRunner {
    return this.#days.schedule(options)
  }

  restore(day: string, options?: { readonly directory?: string }): Promise<boolean> {
    return this.#days.restore(day, options)
  }

  archivedDays(): Promise<readonly ArchivedDay[]> {
    return this.#days.archivedDays()
  }

  /** A relay of this process that leads every lane is all that need know. */
  #wake(rows: readonly NewEventRow[]): void {
    this.#metrics.created(rows)
    let isLedHere = false
    for (const relay of this.#relays) {
      relay.poke()
      isLedHere ||= relay.isLeading
    }
    if (!isLedHere) this.#notifier.notify()
  }
}

function databaseFrom(options: OutboxOptions): Database {
  const { database, pool } = options
  if (database && !pool) return database
  if (pool && !database)
    return databaseOfPool(pool, options.logger ? { logger: options.logger } : {})
  throw new OutboxError(
    'MR_OUTBOX_BAD_OPTION',
    'createOutbox needs either database (of @millrace/postgres) or pool (of pg).',
  )
}

function checkOptions(serviceName: string, laneCount: number): void {
  if (!/^[\w.-]{1,100}$/.test(serviceName))
    throw new OutboxError(
      'MR_OUTBOX_BAD_OPTION',
      `serviceName "${serviceName}" must be 1 to 100 letters, digits, dots, dashes or underscores.`,
      { serviceName },
    )
  checkLaneCount(laneCount)
}

function checkLaneCount(laneCount: number): void {
  if (!Number.isInteger(laneCount) || laneCount < 1 || laneCount > slotCount)
    throw new OutboxError(
      'MR_OUTBOX_BAD_OPTION',
      `laneCount is ${laneCount}; it must be an integer from 1 to ${slotCount}.`,
      { laneCount },
    )
}
