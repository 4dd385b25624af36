import { Wakeup, type Clock, type Logger } from '@millrace/core'
import type { Database } from '@millrace/postgres'
import type { DueRunner } from './due-runner.ts'
import type { OutageGate } from './outage-gate.ts'
import {
  claimDue,
  findStuckKeys,
  releaseDue,
  untilNextDue,
  type DueEvent,
  type Lease,
} from './sql/due-events.ts'
import { goOnWithKey } from './sql/go-on-with-key.ts'
import type { InboxStatements } from './statements.ts'
import { waitAtMost } from './wait-at-most.ts'

/** How often keys are looked for that stand still. */
const mendIntervalMs = 60_000
/** An id no event has: nothing is settled but the lock. */
const nobody = '00000000-0000-0000-0000-000000000000'
/** When a row is due again that could not be dealt with, ms. */
const releaseMs = 1_000
/** After the drain time, for the rollback, ms. */
const abandonMs = 5_000

export interface DueWorkerOptions {
  readonly database: Database
  readonly statements: InboxStatements
  readonly groupId: string
  readonly topics: readonly string[]
  readonly isOrdered: boolean
  readonly concurrency: number
  readonly pollMs: number
  readonly drainTimeoutMs: number
  readonly lease: Lease
  readonly runner: Pick<DueRunner, 'run'>
  readonly gate: Pick<OutageGate, 'outage'>
  readonly logger: Logger
  readonly clock: Clock
}

/**
 * Takes events from the log when their time has come, a few at once, and hands each to the runner. Every instance of a group does so and
 * gets others than its peers; what one of them had when it died is due again when its lease is over. Needs Postgres alone.
 */
export class DueWorker {
  readonly #options: DueWorkerOptions
  readonly #wakeup: Wakeup
  readonly #closing = new AbortController()
  /** Aborts what runs, once the time to end is over. */
  readonly #cancel = new AbortController()
  readonly #active = new Map<string, Promise<void>>()
  #running: Promise<void> | undefined
  /** When something is due next that we know of, on the monotonic clock. */
  #nextMs = 0
  #nextMendMs = 0
  #isFailing = false
  /** More may be due than there was room for. */
  #isFull = false

  constructor(options: DueWorkerOptions) {
    this.#options = options
    this.#wakeup = new Wakeup(options.clock)
  }

  start(): void {
    if (!this.#closing.signal.aborted) this.#running ??= this.#run()
  }

  /** An event of the log is due in this time; others are found by asking. */
  wake(inMs: number): void {
    const atMs = this.#options.clock.monotonicMs() + inMs
    if (atMs >= this.#nextMs) return
    this.#nextMs = atMs
    this.#wakeup.signal()
  }

  /** Lets what runs end for the drain time, then aborts it. Idempotent. */
  async close(): Promise<void> {
    const { clock, drainTimeoutMs } = this.#options
    this.#closing.abort()
    const timer = clock.setTimer(drainTimeoutMs, () => this.#cancel.abort())
    const ended = Promise.all([this.#running, ...this.#active.values()]).then(() => {})
    await waitAtMost(clock, drainTimeoutMs + abandonMs, ended)
    timer.cancel()
    this.#cancel.abort()
  }

  async #run(): Promise<void> {
    const { pollMs, clock, logger } = this.#options
    const { signal } = this.#closing
    while (!signal.aborted) {
      try {
        await this.#turn()
        this.#isFailing = false
      } catch (error) {
        if (!this.#isFailing) logger.warn('Waiting events cannot be asked for', { error })
        this.#isFailing = true
        this.#nextMs = clock.monotonicMs() + pollMs
      }
      await this.#wakeup.wait(Math.max(1, this.#nextMs - clock.monotonicMs()), signal)
    }
  }

  /** Takes what is due as far as there is room, and finds out when to look again. */
  async #turn(): Promise<void> {
    const { database, statements, groupId, topics, isOrdered, concurrency, lease, gate } =
      this.#options
    const { pollMs, clock } = this.#options
    const room = concurrency - this.#active.size
    const outage = gate.outage
    this.#nextMs = clock.monotonicMs() + Math.max(pollMs, outage?.nextProbeInMs ?? 0)
    if (outage && outage.nextProbeInMs > 0) return
    this.#isFull = room === 0
    if (this.#isFull) return
    const limit = outage ? 1 : room
    const claim = { ...lease, groupId, topics, limit, isOrdered }
    const claimed = await claimDue(database, statements.due, claim)
    for (const event of claimed) this.#begin(event)
    if (claimed.length === limit) {
      this.#nextMs = clock.monotonicMs()
      return
    }
    const inMs = await untilNextDue(database, statements.due, groupId, topics)
    if (inMs !== undefined) this.wake(inMs)
    if (clock.monotonicMs() >= this.#nextMendMs) {
      await this.#mend()
      this.#nextMendMs = clock.monotonicMs() + mendIntervalMs
    }
  }

  #begin(event: DueEvent): void {
    const { runner, logger, database, statements, lease } = this.#options
    // Its last attempt may not be over here: the row is due again as soon as that is written, or its lease ran out while it waits for something. The row
    // is ours in either case, by the newest claim alone, and nobody else's until its lease is over.
    const before = this.#active.get(event.id) ?? Promise.resolve()
    const work: Promise<void> = before
      .then(async () => {
        if (this.#active.get(event.id) === work) await runner.run(event, this.#cancel.signal)
      })
      .catch(async (error: unknown) => {
        if (!this.#cancel.signal.aborted)
          logger.error('A waiting event could not be dealt with', { eventId: event.id, error })
        await releaseDue(database, statements.due, event, lease.owner, releaseMs).catch(() => {})
        this.wake(releaseMs)
      })
      .finally(() => {
        if (this.#active.get(event.id) === work) this.#active.delete(event.id)
        if (this.#isFull) this.wake(0)
      })
    this.#active.set(event.id, work)
  }

  async #mend(): Promise<void> {
    const { database, statements, groupId, topics } = this.#options
    for (const key of await findStuckKeys(database, statements.due, groupId, topics))
      await database.transaction((tx) => goOnWithKey(tx, statements, key, nobody))
  }
}
