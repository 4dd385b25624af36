import { hostname } from 'node:os'
import {
  backoffMs,
  systemClock,
  systemRandom,
  toError,
  uuidv7,
  type Clock,
  type Logger,
  type Random,
  type Timer,
} from '@millrace/core'
import { createProducer, type Producer, type ProducerOptions } from '@millrace/kafka'
import type { Database, Listener } from '@millrace/postgres'
import { OutboxError } from './errors.ts'
import { ExactlyOncePublisher } from './exactly-once-publisher.ts'
import { AtLeastOncePublisher, type LanePublisher } from './lane-publisher.ts'
import { LaneShare } from './lane-share.ts'
import { NoticeEcho } from './notice-echo.ts'
import { LaneRunner, type RunnerContext } from './lane-runner.ts'
import type { OutboxMetrics } from './metrics.ts'
import type { FailurePolicy, KeyFormatOf } from './send-chunk.ts'
import type { PartitionKeeper } from './partition-keeper.ts'
import type { SqlNames } from './sql-names.ts'
import type { Statements } from './statements.ts'

/** How the relay speaks to the brokers. `acks` are always those of all replicas. */
export type RelayKafkaOptions = Omit<ProducerOptions, 'acks'>

export interface RelayOptions {
  /** Brokers, security, compression: the relay makes producers of its own. Either this or `producer`. */
  readonly kafka?: RelayKafkaOptions
  /** Sends through this one, which stays open when the relay closes: `at-least-once`. */
  readonly producer?: Producer
  /**
   * `exactly-once` (default with `kafka`): each event is on its topic once for readers of committed records, whatever crashes; a Kafka
   * transaction per chunk, which adds 1 to 4 ms. `at-least-once`: idempotent sends; a crash repeats the chunks in hand, at most two.
   */
  readonly delivery?: 'exactly-once' | 'at-least-once'
  /** First part of the lanes' transactional ids `<prefix>.<service>.<lane>`, which the first relay of a lane fixes. Default: the schema. */
  readonly transactionalIdPrefix?: string
  /**
   * What an event brings about that the broker refuses for itself (too large, invalid): later events of its key wait for it (`park-key`,
   * the default), nothing waits (`skip`), or its whole lane stands still (`halt`). It is tried again until its attempts are used up.
   */
  readonly onFailure?: FailurePolicy
  /** Pauses between the attempts of a refused event. Default 1,000 to 60,000 ms, doubling, with jitter. */
  readonly retryBackoff?: { readonly baseMs: number; readonly maxMs: number }
  /** Parked events of a lane beyond which it takes up no new ones and says so. Default 10,000, at most 1,000,000. */
  readonly maxParked?: number
  /** A pool of its own on the same database, so that requests which use up the service's pool do not hold events up. Default: the outbox's. */
  readonly database?: Database
  /** Shown as owner of a lane; unique. Default: host, process id and a random part. */
  readonly instanceId?: string
  /** How long a lane stays with a relay that does not answer, ms, on the database's clock. Default 10,000, at least 200. */
  readonly leaseMs?: number
  /** How often to look for events without having been woken, ms. Default 250. */
  readonly pollIntervalMs?: number
  /** Most events claimed, sent and marked together. Default 4,000, at most 10,000. */
  readonly chunkRecords?: number
  /** Most payload bytes of such a chunk. Default 8,000,000. */
  readonly chunkBytes?: number
  /** How long `close()` waits for the broker to answer, ms; afterwards the lane is left to run out. Default 5,000. */
  readonly closeTimeoutMs?: number
  /** Pauses while the broker or the database is away. Default 100 to 5,000 ms. */
  readonly backoff?: { readonly baseMs: number; readonly maxMs: number }
  readonly clock?: Clock
  readonly random?: Random
}

/** Publishes what is in the outbox. Any number may run, in any process: one leads each lane, the others stand by. */
export interface Relay extends AsyncDisposable {
  /** Returns at once; goes on by itself through outages of database and broker. Idempotent. */
  start(): void
  /** Looks for events now. */
  poke(): void
  /** True while this relay leads every lane. */
  readonly isLeading: boolean
  /** True while a lane of this relay stands still: a refused event under `halt`, or too many parked ones. `stats().lanes` says why. */
  readonly isHalted: boolean
  /** Ends after the chunks that are with the broker, and hands the lanes over at once. Idempotent. */
  close(): Promise<void>
}

export interface RelayContext {
  readonly serviceName: string
  readonly database: Database
  readonly sql: Statements
  readonly names: SqlNames
  readonly logger: Logger
  readonly metrics: OutboxMetrics
  readonly partitions: PartitionKeeper
  readonly keyFormatOf: KeyFormatOf
  readonly onClosed: (relay: Relay) => void
}

/** An outage is noticed within these, and a transaction that a killed relay left open does not hold readers up for longer. */
const kafkaDefaults = { deliveryTimeoutMs: 10_000, requestTimeoutMs: 10_000 }

/** Listed at once, and few enough to send the first of them soon; a walk over a set of a million for each chunk would take longer than they do. */
const windowRecords = 20_000

export class LaneRelay implements Relay {
  readonly #context: RelayContext
  readonly #runnerContext: RunnerContext
  readonly #closing = new AbortController()
  readonly #share = new LaneShare()
  #presence: Timer | undefined
  #announcing: Promise<unknown> = Promise.resolve()
  #runners: readonly LaneRunner[] = []
  #started: Promise<void> | undefined
  #closed: Promise<void> | undefined
  #listener: Listener | undefined
  readonly #echo: NoticeEcho
  /** Of all lanes, where it is ours. */
  #producer: Promise<Producer> | undefined

  constructor(context: RelayContext, options: RelayOptions) {
    const leaseMs = bounded('leaseMs', options.leaseMs ?? 10_000, 200, 3_600_000)
    this.#context = context
    this.#runnerContext = {
      database: options.database ?? context.database,
      sql: context.sql,
      logger: context.logger,
      metrics: context.metrics,
      ...this.#connect(options),
      ensurePartitions: () => context.partitions.ensure(),
      share: this.#share,
      onFailure: options.onFailure ?? 'park-key',
      retryBackoff: options.retryBackoff ?? { baseMs: 1_000, maxMs: 60_000 },
      maxParked: bounded('maxParked', options.maxParked ?? 10_000, 1, 1_000_000),
      owner: options.instanceId ?? `${hostname()}-${process.pid}-${uuidv7().slice(-8)}`,
      leaseMs,
      pollIntervalMs: bounded('pollIntervalMs', options.pollIntervalMs ?? 250, 1, 60_000),
      limits: {
        records: bounded('chunkRecords', options.chunkRecords ?? 4_000, 1, 10_000),
        bytes: bounded('chunkBytes', options.chunkBytes ?? 8_000_000, 1, 100_000_000),
        windowRecords,
      },
      closeTimeoutMs: bounded('closeTimeoutMs', options.closeTimeoutMs ?? 5_000, 0, 600_000),
      backoff: options.backoff ?? { baseMs: 100, maxMs: 5_000 },
      clock: options.clock ?? systemClock,
      random: options.random ?? systemRandom,
    }
    this.#echo = new NoticeEcho(
      this.#runnerContext.clock,
      () => this.poke(),
      () => {
        for (const runner of this.#runners) if (runner.isLeading) runner.poke()
      },
    )
  }

  get isLeading(): boolean {
    return this.#runners.length > 0 && this.#runners.every((runner) => runner.isLeading)
  }

  get isHalted(): boolean {
    return this.#runners.some((runner) => runner.isHalted)
  }

  start(): void {
    if (this.#closed) throw new OutboxError('MR_OUTBOX_CLOSED', 'The relay was closed.')
    this.#started ??= this.#start()
  }

  poke(): void {
    for (const runner of this.#runners) runner.poke()
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** @throws OutboxError `MR_OUTBOX_BAD_OPTION` */
  #connect(options: RelayOptions): Pick<RunnerContext, 'transactionalIdOf' | 'openPublisher'> {
    const { kafka, producer, delivery = kafka ? 'exactly-once' : 'at-least-once' } = options
    const { names, serviceName, metrics, keyFormatOf } = this.#context
    const prefix = options.transactionalIdPrefix ?? names.schema
    const transactionalIdOf = (lane: number): string => `${prefix}.${serviceName}.${lane}`
    if (kafka && !producer && delivery === 'exactly-once') {
      const openPublisher = (transactionalId: string): LanePublisher =>
        new ExactlyOncePublisher(
          { ...kafkaDefaults, ...kafka },
          { transactionalId, metrics, keyFormatOf },
        )
      return { transactionalIdOf, openPublisher }
    }
    if ((kafka === undefined) === (producer === undefined) || delivery === 'exactly-once')
      throw new OutboxError(
        'MR_OUTBOX_BAD_OPTION',
        'createRelay takes either `kafka` or `producer`; a producer of yours goes with delivery "at-least-once" only, since each lane needs one of its own for transactions.',
        { delivery },
      )
    return {
      transactionalIdOf,
      openPublisher: () =>
        new AtLeastOncePublisher(async () => {
          this.#producer ??= producer
            ? undefined
            : createProducer({ ...kafkaDefaults, ...(kafka as RelayKafkaOptions) })
          return producer ?? (this.#producer as Promise<Producer>)
        }, keyFormatOf),
    }
  }

  /** Neither database nor schema need be there yet. */
  async #start(): Promise<void> {
    const lanes = await this.#untilDone('read its lanes', () => this.#readLanes())
    if (!lanes) return
    this.#runners = lanes.map((lane) => new LaneRunner(this.#runnerContext, lane))
    if (lanes.length > 1) await this.#announce()
    for (const runner of this.#runners) runner.start()
    this.#listener = await this.#untilDone('listen for new events', () =>
      this.#runnerContext.database.listen(this.#context.names.channel, () => this.#echo.hear(), {
        onConnected: () => this.poke(),
      }),
    )
    this.#context.partitions.keep(this.#closing.signal)
  }

  /** Says that this relay is there and learns its part of the lanes, again and again. With a single lane there is nothing to share. */
  async #announce(): Promise<void> {
    const { database, sql, owner, leaseMs, clock } = this.#runnerContext
    if (this.#closing.signal.aborted) return
    try {
      const relayCount = await sql.announceRelay(database, owner, leaseMs)
      this.#share.divide(this.#runners.length, relayCount)
    } catch (error) {
      this.#context.logger.debug('A relay could not announce itself', { error: toError(error) })
    }
    if (this.#closing.signal.aborted) return
    this.#presence = clock.setTimer(leaseMs / 3, () => {
      this.#announcing = this.#announce()
    })
  }

  async #retire(): Promise<void> {
    this.#presence?.cancel()
    await this.#announcing
    const { database, sql, owner } = this.#runnerContext
    if (this.#runners.length > 1)
      await sql.retireRelay(database, owner).catch((error: unknown) => {
        this.#context.logger.debug('A relay could not sign off', { error: toError(error) })
      })
  }

  async #readLanes(): Promise<readonly number[]> {
    const lanes = await this.#context.sql.readLaneNumbers(this.#runnerContext.database)
    if (lanes.length > 0) return lanes
    throw new OutboxError(
      'MR_OUTBOX_NOT_INSTALLED',
      `Schema "${this.#context.names.schema}" has no lanes. Run outbox.migrate() first; the relay waits for it.`,
      { schema: this.#context.names.schema },
    )
  }

  /** Tries until it works; undefined when the relay closed before. */
  async #untilDone<T>(what: string, attempt: () => Promise<T>): Promise<T | undefined> {
    const { clock, random, backoff } = this.#runnerContext
    for (let attempts = 1; !this.#closing.signal.aborted; attempts++) {
      try {
        return await attempt()
      } catch (error) {
        this.#context.logger.warn('The relay could not start yet and tries again', {
          what,
          attempts,
          error: toError(error),
        })
        await clock
          .sleep(backoffMs(attempts, { ...backoff, random }), this.#closing.signal)
          .catch(() => {})
      }
    }
    return undefined
  }

  async #close(): Promise<void> {
    this.#closing.abort()
    await this.#started
    await this.#listener?.close()
    this.#echo.close()
    // First, so that the others may take what is released next.
    await this.#retire()
    await Promise.all(this.#runners.map((runner) => runner.close()))
    await (await this.#producer)?.close()
    this.#context.onClosed(this)
  }
}

function bounded(name: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value
  throw new OutboxError(
    'MR_OUTBOX_BAD_OPTION',
    `${name} is ${value}; it must be an integer from ${min} to ${max}.`,
    { name, value, min, max },
  )
}
