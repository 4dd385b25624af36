import type { Clock, Logger, Meter, Tracer } from '@millrace/core'
import type { CausationContext, ContractRegistry, EventEnvelope } from '@millrace/events'
import type {
  Admin,
  Consumer,
  ConsumerBatch,
  ConsumerOptions,
  ConsumerRecord,
  KafkaOptions,
  PartitionLag,
  Producer,
  ProducerOptions,
} from '@millrace/kafka'
import type { ArchivedDay, ArchiveReport, Database, Transaction } from '@millrace/postgres'
import type {
  InboxArchiveOptions,
  InboxArchiveRunner,
  InboxArchiveSchedule,
} from './archive-types.ts'

export interface InboxOptions {
  readonly database: Database
  /** Stands in every row of the log. */
  readonly serviceName: string
  /** Kafka consumer group, and half of the key that makes a repeat a repeat: (event id, group). */
  readonly groupId: string
  /** The events the handlers know. Others are logged as SKIPPED. */
  readonly contracts: ContractRegistry
  /** Where the tables live, a plain lower-case name of at most 30 characters. Default `inbox`. */
  readonly schema?: string
  /** When the log keeps the payload. Default `always`; with `onFailure` the bodies of handled events are only on the topic. */
  readonly payload?: 'always' | 'onFailure'
  readonly logger?: Logger
  readonly meter?: Meter
  /** One span per event handled, below the one that the producer sent along. Default: none. */
  readonly tracer?: Tracer
  readonly clock?: Clock
}

/** An event as the handler gets it: new to the group, of a known type, its `data` valid for the contract. */
export interface ReceivedEvent<Data = unknown> {
  readonly event: EventEnvelope<Data>
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  /** The record's key as text; null for none. */
  readonly key: string | null
  readonly headers: ConsumerRecord['headers']
  /** When the record was received, ms since the epoch. */
  readonly receivedAt: number
}

export interface HandlerContext {
  /** All that the handler writes goes through here: it commits together with the log and the position, or not at all. */
  readonly tx: Transaction
  /** Aborted when the partition is revoked or lost, the time is over, or closing takes too long: stop, the transaction is rolled back. */
  readonly signal: AbortSignal
  /** Which attempt this is, from 1. An event that failed before is handled alone, but later ones of its key may follow it in the same call. */
  readonly attempt: number
  /** The events were processed before and are fed in again by an operator: effects outside `tx` must not be repeated. */
  readonly isReplay: boolean
  /** The operation (re-drive, edit, replay) that feeds the events in; null for what comes from the topic. */
  readonly operationId: string | null
  /**
   * What the events that this one causes inherit: its correlation id, itself as the cause, and the trace. For `createEvent({ context })` and the
   * `traceparent` of `publish`; take `childEventId` for their ids, so that a repeat makes the same events again.
   */
  readonly causeOf: (received: ReceivedEvent) => CausationContext
}

/**
 * Handles new events of one partition in their order. May run again for the same events after a rollback: effects outside `tx`
 * need `effects: 'idempotent'` or `'external'`. What it throws rolls back; the batch is halved until the failing
 * event stands alone, or parted around the event that the error was blamed on (see `blame`).
 */
export type BatchHandler = (
  events: readonly ReceivedEvent[],
  context: HandlerContext,
) => Promise<void>

/**
 * What the handler does outside its transaction. `none`: nothing. `idempotent`: things that may happen twice.
 * `external`: things that should not; each event is then claimed in the log (PROCESSING, attempt counted) before it is handled, one by one.
 */
export type HandlerEffects = 'none' | 'idempotent' | 'external'

/** An error of a handler, and how far its event is. */
export interface FailureContext {
  readonly event: EventEnvelope
  readonly topic: string
  /** The attempt that failed, from 1. */
  readonly attempt: number
}

/**
 * What to do when a handler fails with a kind of error. `retry`: again after `backoff`, `attempts` times in all, then a dead letter.
 * `dead-letter`: FAILED at once, a copy on the dead letter topic, and the key goes on. `skip`: SKIPPED with its error, no copy. `pause`: no event
 * is to blame; the consumer pauses and tries one event from time to time until it succeeds. `stop`: the consumer leaves the group and
 * stays away until it is made anew; the event stays unhandled on the topic.
 */
export interface FailurePolicy {
  /**
   * A class of errors (subclasses and causes count), a name (the code of a MillraceError, else `error.name`), or a test of one's own.
   */
  readonly when:
    | (abstract new (...args: never[]) => Error)
    | string
    | ((error: Error, context: FailureContext) => boolean)
  readonly do: 'retry' | 'dead-letter' | 'skip' | 'pause' | 'stop'
  /** For `retry`: 1 to 100. Default: the consumer's `maxAttempts`. */
  readonly attempts?: number
  /** For `retry`. Default: the consumer's `retryBackoff`. */
  readonly backoff?: { readonly baseMs: number; readonly maxMs: number }
}

/** What the inbox looks at in a batch of records. */
export type InboxBatch = Pick<
  ConsumerBatch,
  'topic' | 'partition' | 'records' | 'nextOffset' | 'highWatermark' | 'generationId' | 'signal'
>

/** What the inbox needs of a consumer. */
export type GroupConsumer = Pick<
  Consumer,
  'commit' | 'seek' | 'position' | 'pause' | 'resume' | 'assignment' | 'close'
> &
  AsyncIterable<InboxBatch> &
  AsyncDisposable

export type GroupConsumerOptions = ConsumerOptions & {
  readonly groupId: string
  readonly topics: readonly string[]
}

/** How the inbox reaches Kafka; replaced in tests. */
export interface KafkaClient {
  createConsumer(options: GroupConsumerOptions): Promise<GroupConsumer>
  createProducer(options: ProducerOptions): Promise<Producer>
  createAdmin(options: KafkaOptions): Promise<Admin>
}

export interface ConsumeOptions {
  readonly kafka: KafkaOptions
  readonly topics: readonly string[]
  readonly handler: BatchHandler
  /** Default `none`. */
  readonly effects?: HandlerEffects
  /**
   * The handler adds to what it has built (a counter, a sum), so that an event it gets again counts again. Replays into the group are then
   * refused unless they are forced: build anew beside it with `shadow`, or empty what was built first. Default false.
   */
  readonly isAdditive?: boolean
  /** Most records in one transaction, 1 to 5,000. Default 500. */
  readonly maxBatchRecords?: number
  /** Most partitions handled at once, 1 to 100; each takes a connection of the pool meanwhile. Order within a partition is kept. Default 4. */
  readonly maxConcurrentPartitions?: number
  /**
   * True: batches of several partitions that are there at once share a transaction (`maxBatchRecords` in all), and those of one topic a call of the handler,
   * each partition's events in their order. A handler that assumes one partition must not say so; one that assumes one topic may. Where such a transaction
   * fails, or something in it must wait, each partition is handled by itself. Worth it where many partitions bring few records each; all of them wait
   * while one transaction waits, for a slow handler or for a lock that who had a partition before still holds. Not with `effects: 'external'`. Default false.
   */
  readonly sharesTransactions?: boolean
  /** How often a failing event is tried in all, 1 to 100. Default 3. */
  readonly maxAttempts?: number
  /** Wait between attempts at one event, kept in the database; the others go on meanwhile. Default 200 ms doubling to 30,000 ms, with jitter. */
  readonly retryBackoff?: { readonly baseMs: number; readonly maxMs: number }
  /** By kind of error; the first that fits decides. Default: none, so every error is tried again and then a dead letter. */
  readonly policies?: readonly FailurePolicy[]
  /**
   * `key`, the default: while an event waits, later ones of its key are PARKED and handled in order after it. `none`: each event by itself,
   * for handlers that do not care for order.
   */
  readonly order?: 'key' | 'none'
  /**
   * What a key does when one of its events was given up. `continue`, the default: it goes on with the next. `hold`: its later events stay
   * PARKED until the failed one is mended or let go by an operator. Keys that are null never wait.
   */
  readonly afterFailure?: 'continue' | 'hold'
  /** How long a handler may take for one call, ms; 0 for no limit. Default 300,000. A batch that takes longer is rolled back and halved. */
  readonly handlerTimeoutMs?: number
  /** Waiting events handled at once, 1 to 100; each takes a connection of the pool meanwhile. Default 4. */
  readonly maxConcurrentRetries?: number
  /** How often the log is asked for events that became due elsewhere, ms, 10 to 60,000. Default 1,000. */
  readonly duePollMs?: number
  /**
   * How long waiting events that a process had taken when it died are out of reach, ms, 500 to 600,000. Default 30,000. While one is handled its
   * row's lock holds it, however long that takes.
   */
  readonly dueLeaseMs?: number
  /** Most events of a partition that may be parked, and (a hundredth of it) most keys: beyond it the partition waits. Default 100,000. */
  readonly maxParkedEvents?: number
  /** `false` for none: then every event is retried and given up by itself. */
  readonly outage?: OutageDetection | false
  /** Where copies of failed records go; null for no copy. Default `<topic>-dlq`. */
  readonly deadLetterTopic?: (topic: string) => string | null
  /** How long `close` lets the current batch run before its signal is aborted, ms. Default 5,000. */
  readonly drainTimeoutMs?: number
  /** How often lag is asked for, ms. Default 3,000. */
  readonly lagIntervalMs?: number
  /** Further errors of infrastructure, retried without limit and never held against an event. Those of Postgres always are. */
  readonly isTransient?: (error: unknown) => boolean
  /** Called after each commit with the events that took effect. Must not throw; not awaited by the database transaction. */
  readonly onCommitted?: (events: readonly ReceivedEvent[]) => void
  /** Settings of the group membership. */
  readonly consumer?: Partial<
    Pick<
      ConsumerOptions,
      | 'autoOffsetReset'
      | 'isolationLevel'
      | 'sessionTimeoutMs'
      | 'heartbeatIntervalMs'
      | 'rebalanceTimeoutMs'
      | 'maxWaitMs'
      | 'instanceId'
    >
  >
  /** Default: `@millrace/kafka`. */
  readonly client?: KafkaClient
}

/** Most keys fail alike: the consumer pauses, and tries one event from time to time. */
export interface OutageState {
  /** What they fail with. */
  readonly errorClass: string
  readonly forMs: number
  /** Events tried since it began. */
  readonly probes: number
  /** 0: due now. */
  readonly nextProbeInMs: number
}

/** When failures count as an outage: none of the events is to blame then, and none is parked, counted or given up. */
export interface OutageDetection {
  /** Keys that must fail with one class, at least; 1 to 1,000. Default 10. */
  readonly minKeys?: number
  /** Share of all keys seen in the window that fail so, over 0 to 1. Default 0.5. */
  readonly share?: number
  /** Default 60,000. */
  readonly windowMs?: number
  /** Wait between probes. Default 1,000 ms doubling to 30,000 ms. */
  readonly probeBackoff?: { readonly baseMs: number; readonly maxMs: number }
}

/** `idle` before `start`, `connecting` until the group has dealt its partitions out, and while Kafka is away, `waiting` while infrastructure is away during a batch,
 * `outage` while most keys fail alike, `stopped` by a policy. */
export type InboxConsumerState =
  | 'idle'
  | 'connecting'
  | 'running'
  | 'waiting'
  | 'outage'
  | 'stopped'
  | 'closed'

export interface InboxConsumerStats {
  readonly state: InboxConsumerState
  /** Events whose effects this consumer committed. */
  readonly processed: number
  /** Records left out because the group had dealt with their event before. */
  readonly duplicatesSkipped: number
  /** Records of types no contract names. */
  readonly skipped: number
  /** Events given up: FAILED in the log, copied to the dead letter topic. */
  readonly failed: number
  /** Attempts at single events that failed, the last ones included. */
  readonly failedAttempts: number
  /** Batches tried again because Postgres or Kafka was away. */
  readonly transientRetries: number
  /** Records the group is behind on all its partitions; null until measured. */
  readonly lagRecords: number | null
  /** Age of that measurement, ms; null until measured. */
  readonly lagAgeMs: number | null
  /** The same measurement by partition; empty until measured. */
  readonly partitions: readonly PartitionLag[]
  readonly outage: OutageState | null
  /** The error a policy stopped the consumer for; null while it runs. */
  readonly stoppedBy: { readonly errorClass: string; readonly message: string } | null
  /** Events that were parked behind an earlier one of their key. */
  readonly parked: number
  /** Partitions that wait: for parked events to become fewer, or for an outage to end. */
  readonly pausedPartitions: number
  /** Partitions this member owns. */
  readonly assignedPartitions: number
}

/** A running consumer. */
export interface InboxConsumer extends AsyncDisposable {
  /** Begins in the background; Kafka and Postgres may come up later. Idempotent. */
  start(): void
  /** Lets the current batch end, commits its offsets, leaves the group. Idempotent. */
  close(): Promise<void>
  stats(): InboxConsumerStats
}

export type ConsumptionStatus =
  | 'RECEIVED'
  | 'PROCESSING'
  | 'PROCESSED'
  | 'FAILED'
  | 'PARKED'
  | 'SKIPPED'

/** A row of the `event_consumption_log` view. */
export interface ConsumptionLogRow {
  readonly id: bigint
  /** The event's id, or the one derived for it: then `metadata.idDerivedFrom` says from what. */
  readonly eventId: string
  readonly serviceName: string
  readonly topic: string
  readonly partitionNumber: number
  readonly offset: bigint
  readonly consumerGroup: string
  readonly eventType: string
  readonly eventKey: string | null
  /** The record's value as it was, text; base64 where `metadata.payloadEncoding` says so; null when not kept. */
  readonly payload: string | null
  readonly status: ConsumptionStatus
  readonly attempts: number
  readonly retryCount: number
  readonly maxRetries: number
  /** The event's share of the time its batch was handled, ms. */
  readonly processingTimeMs: number | null
  readonly errorClass: string | null
  /** The same for errors with the same class and place. */
  readonly errorFingerprint: string | null
  readonly errorMessage: string | null
  readonly errorStackTrace: string | null
  readonly correlationId: string | null
  readonly receivedAt: Date
  readonly processedAt: Date | null
  readonly createdAt: Date
  readonly updatedAt: Date
  readonly nextRetryAt: Date | null
  readonly metadata: Readonly<Record<string, unknown>>
}

export interface ListEventsOptions {
  readonly eventId?: string
  readonly correlationId?: string
  readonly status?: ConsumptionStatus
  /** Default: this inbox's group. `null` for all groups. */
  readonly group?: string | null
  /** 1 to 1,000, default 50. */
  readonly limit?: number
}

/** A key whose events wait behind one that failed. */
export interface WaitingKey {
  readonly topic: string
  readonly key: string
  /** Events parked behind the first. */
  readonly parkedCount: number
  /** The event that was given up and holds the key shut (`afterFailure: 'hold'`); null while the first is tried again. */
  readonly heldBy: string | null
  readonly since: Date
}

/** Counts of a whole group since its beginning, over all members and restarts; kept with the positions. */
export interface GroupTotals {
  readonly processed: number
  readonly duplicatesSkipped: number
  readonly skipped: number
  readonly failed: number
}

/** A handler that sees replays only. */
export interface ShadowOptions {
  readonly handler: BatchHandler
  /** Default `none`. */
  readonly effects?: HandlerEffects
  /** How long the handler may take for one call, ms; 0 for no limit. Default 300,000. */
  readonly handlerTimeoutMs?: number
  /** How often it is asked for new operations, ms, 10 to 60,000. Default 1,000. */
  readonly pollMs?: number
  /** How long `close` lets the handler go on before its signal is aborted, ms. Default 5,000. */
  readonly drainTimeoutMs?: number
  /** Further errors of infrastructure, for which a step is done again. Those of Postgres always are. */
  readonly isTransient?: (error: unknown) => boolean
}

/**
 * A group beside another one: it never reads a topic, and gets by replays what that one has in its log. Each of its events has a row of the
 * shadow's own, so that none takes effect twice in it; the group they are taken from is left as it is.
 */
export interface InboxShadow extends AsyncDisposable {
  /** Begins to look for replays into its group. Idempotent. */
  start(): void
  close(): Promise<void>
}

/** The consuming side of a service: its log, and the consumers that write it. */
export interface Inbox {
  /** Makes or updates the tables; safe when several processes do it at once. Call before `consume(...).start()`. */
  migrate(): Promise<void>
  /** @throws InboxError `MR_INBOX_BAD_OPTION` */
  consume(options: ConsumeOptions): InboxConsumer
  /**
   * A handler for this inbox's group that sees replays only: its group must have no consumer.
   * @throws InboxError `MR_INBOX_BAD_OPTION`
   */
  shadow(options: ShadowOptions): InboxShadow
  /**
   * Moves days of the log into files that are old enough and hold nothing that failed, is parked or waits. Any number of processes may do so.
   * @throws InboxError `MR_INBOX_BAD_OPTION`; PostgresError, for a file `MR_POSTGRES_ARCHIVE_FAILED`; no row is dropped then
   */
  archive(options: InboxArchiveOptions): Promise<ArchiveReport>
  /** Archives now and then again and again. @throws InboxError `MR_INBOX_BAD_OPTION` */
  scheduleArchive(options: InboxArchiveSchedule): InboxArchiveRunner
  /** Brings an archived day back, `YYYY-MM-DD`; false when it is back already. @throws PostgresError `MR_POSTGRES_ARCHIVE_…` */
  restoreDay(day: string, options?: { readonly directory?: string }): Promise<boolean>
  archivedDays(): Promise<readonly ArchivedDay[]>
  /** The row of one event for this inbox's group, by the event's own id. */
  findEvent(eventId: string): Promise<ConsumptionLogRow | undefined>
  totals(): Promise<GroupTotals>
  /** Keys of this inbox's group whose events wait, those blocked the longest first; at most `limit`, 1 to 1,000, default 100. */
  waitingKeys(limit?: number): Promise<readonly WaitingKey[]>
  /**
   * Lets a key that is held shut go on with its parked events, past the one that was given up. Mending that one (a re-drive) does so too.
   * @returns false when no event holds the key
   */
  releaseKey(topic: string, key: string): Promise<boolean>
  /** Newest first. */
  listEvents(options?: ListEventsOptions): Promise<readonly ConsumptionLogRow[]>
}
