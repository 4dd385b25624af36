import { Wakeup, type Clock, type Logger } from '@millrace/core'
import type { Database } from '@millrace/postgres'
import { waitAtMost } from '../wait-at-most.ts'
import { Pace } from './pace.ts'
import { redriveStep, type Stepped } from './redrive-step.ts'
import type { ReplayStep } from './replay-step.ts'
import { claimOperation, dropOperation, prolongLease, type HeldOperation } from './sql/carry-out.ts'
import { registerGroup, type GroupRegistration } from './sql/groups.ts'

/** Without a sign of life for as long, another consumer of the group takes the operation over. */
const leaseMs = 15_000
/** Longest wait between two looks at an operation under way, ms. */
const stepMs = 200
/** How often the group is registered again, ms. */
const registerMs = 60_000
const heartbeatMs = 5_000
/** After the drain time, for the rollback, ms. */
const abandonMs = 5_000

export interface OperationWorkerOptions {
  readonly database: Database
  /** Quoted. */
  readonly schema: string
  readonly registration: GroupRegistration
  /** Names this process in the lease. */
  readonly owner: string
  readonly replay: ReplayStep
  /** Told when events of the group became due. */
  readonly onDue: () => void
  /** How often it is asked for new operations, ms. */
  readonly pollMs: number
  /** How long a handler may go on after `close`, ms. */
  readonly drainTimeoutMs: number
  readonly logger: Logger
  readonly clock: Clock
}

/**
 * Carries out the operations of one group, one at a time, in steps that are a transaction each. Every consumer of the group has one; an
 * operation is in the hands of one of them by a lease, and each step names its epoch. Needs Postgres alone.
 */
export class OperationWorker {
  readonly #options: OperationWorkerOptions
  readonly #wakeup: Wakeup
  readonly #closing = new AbortController()
  /** Aborts the handler of a replay, once the time to end is over. */
  readonly #cancel = new AbortController()
  #running: Promise<void> | undefined
  #registeredMs = Number.NEGATIVE_INFINITY
  #isFailing = false

  constructor(options: OperationWorkerOptions) {
    this.#options = options
    this.#wakeup = new Wakeup(options.clock)
  }

  start(): void {
    if (!this.#closing.signal.aborted) this.#running ??= this.#run()
  }

  /** Lets the step under way end for the drain time, then aborts it. Idempotent. */
  async close(): Promise<void> {
    const { clock, drainTimeoutMs } = this.#options
    this.#closing.abort()
    if (!this.#running) return
    const timer = clock.setTimer(drainTimeoutMs, () => this.#cancel.abort())
    await waitAtMost(clock, drainTimeoutMs + abandonMs, this.#running)
    timer.cancel()
    this.#cancel.abort()
  }

  async #run(): Promise<void> {
    const { pollMs, logger } = this.#options
    const { signal } = this.#closing
    while (!signal.aborted) {
      let hasWorked = false
      try {
        hasWorked = await this.#turn()
        this.#isFailing = false
      } catch (error) {
        if (!this.#isFailing && !signal.aborted)
          logger.warn('Operations cannot be carried out for now; they go on where they are', {
            error,
          })
        this.#isFailing = true
      }
      if (!hasWorked) await this.#wakeup.wait(pollMs, signal)
    }
  }

  /** Takes an operation and carries it out as far as it goes. False when there is none. */
  async #turn(): Promise<boolean> {
    const { database, schema, registration, owner, logger } = this.#options
    await this.#register()
    const held = await claimOperation(database, schema, registration.group, owner, leaseMs)
    if (!held) return false
    logger.info('An operation is carried out here', { operationId: held.id, kind: held.kind })
    const stop = this.#keepLease(held)
    try {
      await this.#carryOut(held)
    } finally {
      stop()
      // Or the lease ends it.
      await dropOperation(database, schema, held).catch(() => {})
    }
    return true
  }

  async #carryOut(held: HeldOperation): Promise<void> {
    const { clock, onDue } = this.#options
    const { signal } = this.#closing
    let pace = new Pace(clock)
    let isPaused = false
    while (!signal.aborted) {
      const stepped = await this.#step(held, pace)
      if (!stepped) return
      const { head, begun, ended } = stepped
      pace.spend(begun)
      if (begun > 0 && held.kind !== 'replay') onDue()
      // After a pause the ramp begins again.
      if (isPaused && head.state === 'RUNNING') pace = new Pace(clock)
      isPaused = head.state !== 'RUNNING'
      const left = head.released + head.waiting - ended
      if (left <= 0 || (isPaused && head.released === 0)) break
      const isWaiting = head.waiting - begun <= 0 || isPaused
      const waitMs = isWaiting ? stepMs : Math.min(stepMs, pace.untilNextMs(head.ratePerSecond))
      await this.#wakeup.wait(Math.max(1, waitMs), signal)
    }
  }

  /** A handler may work longer than the lease. */
  #keepLease(held: HeldOperation): () => void {
    const { database, schema, clock } = this.#options
    let timer = clock.setTimer(heartbeatMs, beat)
    function beat(): void {
      timer = clock.setTimer(heartbeatMs, beat)
      void prolongLease(database, schema, held, leaseMs).catch(() => {})
    }
    return () => timer.cancel()
  }

  #step(held: HeldOperation, pace: Pace): Promise<Stepped | undefined> {
    const { database, schema, registration, replay } = this.#options
    const context = { schema, group: registration.group, leaseMs }
    if (held.kind === 'replay') return replay.run(held, context, pace, this.#cancel.signal)
    return database.transaction((tx) =>
      redriveStep(tx, context, held, (head) => pace.allowance(head.ratePerSecond)),
    )
  }

  async #register(): Promise<void> {
    const { database, schema, registration, clock } = this.#options
    const nowMs = clock.monotonicMs()
    if (nowMs - this.#registeredMs < registerMs) return
    await registerGroup(database, schema, registration)
    this.#registeredMs = nowMs
  }
}
