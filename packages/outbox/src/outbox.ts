import { silentLogger, systemClock, type Clock, type Logger, type Meter } from '@millrace/core'
import type { ContractRegistry, EventEnvelope } from '@millrace/events'
import {
  migrate,
  PostgresError,
  type Database,
  type Transaction,
  type TransactionOptions,
} from '@millrace/postgres'
import { OutboxError } from './errors.ts'
import { toEventRow, type EventRules, type NewEventRow, type PublishOptions } from './event-row.ts'
import { createMetrics, type OutboxMetrics } from './metrics.ts'
import { Notifier } from './notifier.ts'
import { PartitionKeeper } from './partition-keeper.ts'
import { LaneRelay, type Relay, type RelayOptions } from './relay.ts'
import { slotCount } from './slot.ts'
import type { ProducedEvent, ProducedEventFilter } from './sql/find-events.ts'
import type { OutboxStats } from './sql/read-stats.ts'
import { sqlNames, type SqlNames } from './sql-names.ts'
import { createStatements, type Statements } from './statements.ts'
import { gaugeStats } from './stats-gauges.ts'

export interface OutboxOptions {
  /** The service's own database, whose business rows the events belong to. */
  readonly database: Database
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
  readonly clock?: Clock
}

/** A business transaction that can publish. */
export interface OutboxTransaction extends Transaction {
  /**
   * Keeps the event for the end of the transaction, where all events are written together with the commit, in the order of the calls.
   * They exist exactly if the transaction commits.
   * @throws OutboxError `MR_OUTBOX_INVALID_EVENT`, `MR_OUTBOX_EVENT_TOO_LARGE`, `MR_OUTBOX_TRANSACTION_OVER`; at once, with nothing written
   */
  publish(event: EventEnvelope, options: PublishOptions): void
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
  /** A relay in this process; call `start()`. Transactions of this outbox wake it without a round trip. */
  createRelay(options: RelayOptions): Relay
  /** A few ms; see `OutboxStats`. @throws PostgresError */
  stats(): Promise<OutboxStats>
  findEvent(eventId: string): Promise<ProducedEvent | undefined>
  /** Newest first, at most 1,000 a page; the next page is `before` the last one's id. */
  listEvents(filter?: ProducedEventFilter): Promise<readonly ProducedEvent[]>
  /**
   * Sends a FAILED event again. When it gets through, what was parked behind it follows in order. False when it has not failed.
   */
  retryEvent(eventId: string): Promise<boolean>
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
  readonly #notifier: Notifier
  /** Relays of this process that may be woken directly. */
  readonly #relays = new Set<Relay>()

  constructor(options: OutboxOptions) {
    const { database, serviceName } = options
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
    this.#metrics = createMetrics(options.meter)
    if (options.meter) gaugeStats(options.meter, () => this.stats(), this.#clock, this.#logger)
    this.#partitions = new PartitionKeeper(database, this.#names, this.#clock, this.#logger)
    this.#notifier = new Notifier(database, this.#names, this.#clock, this.#logger)
  }

  async migrate(): Promise<void> {
    const { schema } = this.#names
    await migrate(this.#database, { directory: migrations, name: 'outbox', schema })
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
        if (rows.length > 0) this.#sql.insertEvents(tx, rows)
        return value
      }, options)
      if (rows.length > 0) this.#wake(rows)
      return value
    } catch (error) {
      // It may have been committed; a look costs nothing.
      if (error instanceof PostgresError && error.code === 'MR_POSTGRES_COMMIT_UNKNOWN')
        this.#wake([])
      throw error
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
        onClosed: (closed) => this.#relays.delete(closed),
      },
      { clock: this.#clock, ...options },
    )
    this.#relays.add(relay)
    return relay
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

class BufferedTransaction implements OutboxTransaction {
  readonly #tx: Transaction
  readonly #rows: NewEventRow[]
  readonly #rules: EventRules
  readonly #clock: Clock
  readonly query: Transaction['query']
  readonly queryLast: Transaction['queryLast']
  #isOver = false

  constructor(tx: Transaction, rows: NewEventRow[], rules: EventRules, clock: Clock) {
    this.#tx = tx
    this.#rows = rows
    this.#rules = rules
    this.#clock = clock
    this.query = (statement, values) => this.#tx.query(statement, values)
    this.queryLast = (statement, values) => this.#tx.queryLast(statement, values)
  }

  publish(event: EventEnvelope, options: PublishOptions): void {
    if (this.#isOver) {
      throw new OutboxError(
        'MR_OUTBOX_TRANSACTION_OVER',
        `Event ${event.eventId} was published after its transaction was over; it was not written. Publish inside the work of the transaction and await everything there.`,
        { eventId: event.eventId },
      )
    }
    this.#rows.push(toEventRow(event, options, this.#rules, this.#clock.now()))
  }

  seal(): void {
    this.#isOver = true
  }
}

function checkOptions(serviceName: string, laneCount: number): void {
  if (!/^[\w.-]{1,100}$/.test(serviceName))
    throw new OutboxError(
      'MR_OUTBOX_BAD_OPTION',
      `serviceName "${serviceName}" must be 1 to 100 letters, digits, dots, dashes or underscores.`,
      { serviceName },
    )
  if (!Number.isInteger(laneCount) || laneCount < 1 || laneCount > slotCount)
    throw new OutboxError(
      'MR_OUTBOX_BAD_OPTION',
      `laneCount is ${laneCount}; it must be an integer from 1 to ${slotCount}.`,
      { laneCount },
    )
}
