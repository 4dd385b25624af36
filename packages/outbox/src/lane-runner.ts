import { backoffMs, isAbortError, toError, Wakeup } from '@millrace/core'
import { isWithoutPartition, OutboxError } from './errors.ts'
import { LaneLeader, type LeaderContext } from './lane-leader.ts'
import { LaneLease } from './lane-lease.ts'
import type { LanePublisher } from './lane-publisher.ts'
import type { LaneShare } from './lane-share.ts'
import type { LaneState } from './metrics.ts'
import type { LaneRow } from './sql/lane-lease.ts'

export interface RunnerContext extends LeaderContext {
  /** Unique per relay. */
  readonly owner: string
  readonly leaseMs: number
  readonly closeTimeoutMs: number
  readonly share: LaneShare
  /** The name towards Kafka that a lane gets if it has none yet. */
  transactionalIdOf(lane: number): string
  /** Makes partitions that are missing. @throws PostgresError */
  ensurePartitions(): Promise<void>
  /** One for each time that a lane is led. */
  openPublisher(transactionalId: string): LanePublisher
}

/** How often a relay that does not lead a lane looks whether it could, ms. A clean release wakes it at once. */
const standbyPollMs = 1_000

/** Competes for one lane and leads it whenever it can, until closed. Every error ends in asking for the lane again, after a pause. */
export class LaneRunner {
  readonly lane: number
  readonly #context: RunnerContext
  readonly #wakeup: Wakeup
  readonly #closing = new AbortController()
  #running: Promise<void> | undefined
  #state: LaneState = 'STANDBY'

  constructor(context: RunnerContext, lane: number) {
    this.lane = lane
    this.#context = context
    this.#wakeup = new Wakeup(context.clock)
  }

  get isLeading(): boolean {
    return this.#state !== 'STANDBY'
  }

  get isHalted(): boolean {
    return this.#state === 'HALTED'
  }

  start(): void {
    this.#running ??= this.#run()
  }

  poke(): void {
    this.#wakeup.signal()
  }

  /**
   * Ends after the chunk that is with the broker, and releases the lane. A broker that does not answer is not waited for longer than
   * `closeTimeoutMs`; the lane is then not released, since the chunk may still arrive: its lease runs out.
   */
  async close(): Promise<void> {
    const { clock, closeTimeoutMs, logger } = this.#context
    this.#closing.abort()
    const ended = new AbortController()
    const running = this.#running?.finally(() => ended.abort())
    await Promise.race([running, clock.sleep(closeTimeoutMs, ended.signal).catch(() => {})])
    if (running && !ended.signal.aborted)
      logger.warn('A chunk is still with the broker; its lane is left to run out', {
        lane: this.lane,
      })
  }

  async #run(): Promise<void> {
    const { clock, random, backoff } = this.#context
    let failures = 0
    while (!this.#closing.signal.aborted) {
      const startedMs = clock.monotonicMs()
      try {
        const row = await this.#context.share.attempt(this.lane, () => this.#acquire())
        if (row) await this.#lead(row, startedMs).finally(() => this.#context.share.drop(this.lane))
        else await this.#wakeup.wait(standbyPollMs, this.#closing.signal)
        failures = 0
      } catch (error) {
        // One that led for long and then failed did not fail in a row.
        failures = clock.monotonicMs() - startedMs > 30_000 ? 1 : failures + 1
        this.#report(toError(error), failures)
        if (isWithoutPartition(error)) await this.#ensurePartitions()
        await clock
          .sleep(backoffMs(failures, { ...backoff, random }), this.#closing.signal)
          .catch(() => {})
      }
    }
  }

  /** A process of an earlier version makes a day of the log without one for these receipts. */
  async #ensurePartitions(): Promise<void> {
    try {
      await this.#context.ensurePartitions()
    } catch (error) {
      this.#context.logger.warn('Partitions could not be made; tried again', { error })
    }
  }

  async #acquire(): Promise<LaneRow | undefined> {
    const { database, sql, owner, leaseMs, logger } = this.#context
    const transactionalId = this.#context.transactionalIdOf(this.lane)
    const row = await sql.acquireLane(database, this.lane, owner, leaseMs, transactionalId)
    if (!row?.isForeign) return row
    const pending = await sql.rebuildCursor(database)
    logger.warn('The data was restored into another cluster; the cursor was rebuilt', { pending })
    return sql.acquireLane(database, this.lane, owner, leaseMs, transactionalId)
  }

  async #lead(row: LaneRow, askedAtMs: number): Promise<void> {
    const { lane } = this
    const { epoch } = row
    const { clock, logger, leaseMs, database, sql } = this.#context
    const lease = new LaneLease(
      {
        database,
        sql,
        clock,
        logger,
        lane,
        epoch,
        leaseMs,
        onRenewed: (snapshot) => leader.noteSnapshot(snapshot),
      },
      askedAtMs,
    )
    const publisher = this.#context.openPublisher(row.transactionalId)
    const ending = AbortSignal.any([this.#closing.signal, this.#context.share.signalOf(lane)])
    const leader = new LaneLeader(
      this.#context,
      row,
      lease,
      publisher,
      this.#wakeup,
      ending,
      (state) => this.#setState(state),
    )
    logger.info('The relay leads a lane', { lane, epoch, state: row.state })
    this.#setState('IDLE')
    try {
      await leader.lead()
    } finally {
      lease.stop()
      this.#setState('STANDBY')
      // Before the lane is given away, so that nothing of ours is open when the next leader begins.
      await publisher.close()
      if (ending.aborted) await this.#release(epoch)
    }
  }

  async #release(epoch: bigint): Promise<void> {
    const { database, sql, logger } = this.#context
    try {
      await sql.releaseLane(database, this.lane, epoch)
    } catch (error) {
      logger.warn('A lane could not be released; its lease runs out by itself', {
        lane: this.lane,
        error,
      })
    }
  }

  #setState(state: LaneState): void {
    if (state === this.#state) return
    this.#state = state
    this.#context.metrics.laneState(this.lane, state)
  }

  #report(error: Error, failures: number): void {
    if (isAbortError(error)) return
    const { logger } = this.#context
    const fields = { lane: this.lane, failures, error }
    if (error instanceof OutboxError && error.code === 'MR_OUTBOX_RELAY_FENCED')
      logger.warn('Another relay took the lane over', fields)
    else logger.warn('The relay lost its lane to an error and asks for it again', fields)
  }
}
