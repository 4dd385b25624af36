import type { Clock, Logger, Timer } from '@millrace/core'
import type { Database } from '@millrace/postgres'
import { OutboxError } from './errors.ts'
import type { Statements } from './statements.ts'

export interface LaneLeaseOptions {
  readonly database: Database
  readonly sql: Statements
  /** Told after each renewal by the timer. */
  readonly onRenewed: (snapshot: string) => void
  readonly clock: Clock
  readonly logger: Logger
  readonly lane: number
  readonly epoch: bigint
  readonly leaseMs: number
}

/**
 * The right to lead a lane, for `leaseMs` on the database's clock from the last time it was renewed. A timer renews it every third of
 * that; every update of the lane does too. `lost` is aborted as soon as another epoch is seen.
 */
export class LaneLease {
  readonly lane: number
  readonly epoch: bigint
  readonly leaseMs: number
  readonly #options: LaneLeaseOptions
  readonly #lost = new AbortController()
  #renewedAtMs: number
  #timer: Timer | undefined
  #renewing: Promise<unknown> = Promise.resolve()
  #isHeld = false
  #attempts = 0
  #lastError: string | null = null

  /** `askedAtMs`: the monotonic clock before the lane was asked for, so that we never believe longer than the database. */
  constructor(options: LaneLeaseOptions, askedAtMs: number) {
    this.lane = options.lane
    this.epoch = options.epoch
    this.leaseMs = options.leaseMs
    this.#options = options
    this.#renewedAtMs = askedAtMs
    this.#schedule()
  }

  /** Aborted with an `OutboxError` `MR_OUTBOX_RELAY_FENCED`. */
  get lost(): AbortSignal {
    return this.#lost.signal
  }

  /** More than a third of the lease is over. */
  get isDue(): boolean {
    return this.#ageMs() > this.leaseMs / 3
  }

  /** An update of the lane that was begun at `askedAtMs` renewed the lease too. */
  renewedAt(askedAtMs: number): void {
    this.#renewedAtMs = Math.max(this.#renewedAtMs, askedAtMs)
    this.#attempts = 0
    this.#lastError = null
  }

  /**
   * Called before every send. A process that was stopped for longer than its lease finds out here that another one leads.
   * @throws OutboxError `MR_OUTBOX_RELAY_FENCED`
   */
  async ensure(): Promise<void> {
    this.#lost.signal.throwIfAborted()
    if (this.#ageMs() > this.leaseMs * 0.7) await this.renew()
  }

  /** Renews now and gives a snapshot that is safe to read up to. @throws OutboxError `MR_OUTBOX_RELAY_FENCED` */
  async renew(): Promise<string> {
    const askedAtMs = this.#options.clock.monotonicMs()
    const snapshot = await this.#options.sql.renewLane(this.#options.database, {
      lane: this.lane,
      epoch: this.epoch,
      leaseMs: this.leaseMs,
      attempts: this.#attempts,
      lastError: this.#lastError,
    })
    if (snapshot === undefined) throw this.fence()
    this.#renewedAtMs = Math.max(this.#renewedAtMs, askedAtMs)
    return snapshot
  }

  /** Runs `work` while the timer renews nothing; waits for a renewal that is under way. */
  async withoutRenewals<T>(work: () => Promise<T>): Promise<T> {
    this.#isHeld = true
    try {
      await this.#renewing
      return await work()
    } finally {
      this.#isHeld = false
    }
  }

  /** What the lane's row says of an outage from the next renewal on. */
  describeOutage(attempts: number, error: string): void {
    this.#attempts = attempts
    this.#lastError = error
  }

  /** Says in the lane's row why nothing happens, though there is no outage. @throws OutboxError `MR_OUTBOX_RELAY_FENCED` */
  async describe(state: string): Promise<void> {
    if (this.#lastError === state) return
    this.#lastError = state
    await this.renew()
  }

  fence(): OutboxError {
    const error = new OutboxError(
      'MR_OUTBOX_RELAY_FENCED',
      `Lane ${this.lane} was taken over by another relay after epoch ${this.epoch}. This relay stops leading it; the other one sends again what was not marked.`,
      { lane: this.lane, epoch: this.epoch },
    )
    this.#lost.abort(error)
    return error
  }

  /** Stops renewing. The lease itself is released by SQL, or runs out. */
  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #ageMs(): number {
    return this.#options.clock.monotonicMs() - this.#renewedAtMs
  }

  #schedule(): void {
    this.#timer = this.#options.clock.setTimer(this.leaseMs / 3, () => {
      if (this.#lost.signal.aborted) return
      const renewed =
        this.isDue && !this.#isHeld
          ? this.renew().then((snapshot) => this.#options.onRenewed(snapshot))
          : Promise.resolve()
      this.#renewing = renewed
        .catch((error: unknown) => {
          // Fencing is told by `lost`; a database that is away is met by the loop itself.
          this.#options.logger.debug('The lease of a lane could not be renewed', {
            lane: this.lane,
            error,
          })
        })
        .finally(() => {
          if (this.#timer) this.#schedule()
        })
    })
  }
}
