import { isUuid, noopMeter, silentLogger, systemClock } from '@millrace/core'
import { migrate } from '@millrace/postgres'
import { BatchRunner } from './batch-runner.ts'
import { KafkaInboxConsumer } from './consumer.ts'
import { DeadLetters } from './dead-letters.ts'
import { InboxError } from './errors.ts'
import { instrumentsOf, newCounts } from './instruments.ts'
import { millraceKafka } from './kafka-client.ts'
import { LagMonitor } from './lag-monitor.ts'
import { undatedIdOf } from './log-id.ts'
import { Patience } from './patience.ts'
import { LogPartitions } from './partitions.ts'
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
  ListEventsOptions,
  ReceivedEvent,
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
      await handle(event, context)
    }
  }
}

class PostgresInbox implements Inbox {
  readonly #options: InboxOptions
  readonly #schema: string
  readonly #statements: InboxStatements
  readonly #partitions: LogPartitions

  constructor(options: InboxOptions) {
    this.#options = options
    this.#schema = options.schema ?? 'inbox'
    this.#statements = statementsOf(this.#schema)
    this.#partitions = new LogPartitions(options.database, this.#schema)
  }

  async migrate(): Promise<void> {
    await migrate(this.#options.database, {
      name: 'inbox',
      schema: this.#schema,
      directory: new URL('../migrations/', import.meta.url),
    })
  }

  consume(consume: ConsumeOptions): InboxConsumer {
    checkBounds(consume)
    const { database, serviceName, groupId, contracts, payload } = this.#options
    const clock = this.#options.clock ?? systemClock
    const logger = (this.#options.logger ?? silentLogger).child({ groupId })
    const client = consume.client ?? millraceKafka
    const instruments = instrumentsOf(this.#options.meter ?? noopMeter)
    const counts = newCounts()
    const deadLetters = new DeadLetters({ kafka: consume.kafka, client, groupId, logger, clock })
    const partitions = this.#partitions
    const patience = new Patience({
      database,
      position: this.#statements.position,
      partitions,
      isTransient: consume.isTransient ?? (() => false),
      onWaiting: (job, isWaiting) => consumer.setWaiting(job, isWaiting),
      instruments,
      counts,
      logger,
      clock,
    })
    const runner = new BatchRunner({
      database,
      statements: this.#statements,
      serviceName,
      groupId,
      handler: consume.handler,
      effects: consume.effects ?? 'none',
      maxAttempts: consume.maxAttempts ?? 3,
      retryBackoff: consume.retryBackoff ?? { baseMs: 200, maxMs: 30_000 },
      keepsPayload: payload !== 'onFailure',
      patience,
      onCommitted: consume.onCommitted ?? (() => {}),
      deadLetters,
      instruments,
      counts,
      logger,
      clock,
    })
    const lag = new LagMonitor({
      kafka: consume.kafka,
      client,
      groupId,
      topics: consume.topics,
      intervalMs: consume.lagIntervalMs ?? 3_000,
      gauge: instruments.lag,
      onMeasured: (lags) => consumer.commitIdle(lags),
      logger,
      clock,
    })
    const consumer = new KafkaInboxConsumer({
      consume,
      client,
      groupId,
      contracts,
      partitions,
      runner,
      patience,
      counts,
      deadLetters,
      lag,
      maxBatchRecords: consume.maxBatchRecords ?? 500,
      maxConcurrentPartitions: consume.maxConcurrentPartitions ?? defaultConcurrentPartitions,
      drainTimeoutMs: consume.drainTimeoutMs ?? 5_000,
      logger,
      clock,
    })
    return consumer
  }

  async findEvent(eventId: string): Promise<ConsumptionLogRow | undefined> {
    const [row] = await this.listEvents({ eventId, limit: 1 })
    return row
  }

  totals(): Promise<GroupTotals> {
    const { database, groupId } = this.#options
    return readTotals(database, this.#statements.position, groupId)
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

const defaultConcurrentPartitions = 4

function checkBounds(consume: ConsumeOptions): void {
  inBounds('topics.length', consume.topics.length, 1, 1_000)
  inBounds('maxBatchRecords', consume.maxBatchRecords ?? 500, 1, 5_000)
  inBounds(
    'maxConcurrentPartitions',
    consume.maxConcurrentPartitions ?? defaultConcurrentPartitions,
    1,
    100,
  )
  inBounds('maxAttempts', consume.maxAttempts ?? 3, 1, 100)
  inBounds('drainTimeoutMs', consume.drainTimeoutMs ?? 5_000, 0, 3_600_000)
  inBounds('lagIntervalMs', consume.lagIntervalMs ?? 3_000, 10, 3_600_000)
}

function inBounds(option: string, value: number, lowest: number, highest: number): number {
  if (Number.isInteger(value) && value >= lowest && value <= highest) return value
  throw new InboxError(
    'MR_INBOX_BAD_OPTION',
    `${option} is ${value}; it must be an integer from ${lowest} to ${highest}. Nothing was started.`,
    { option, value, lowest, highest },
  )
}
