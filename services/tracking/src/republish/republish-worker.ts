import { backoffMs, toError, uuidv7, Wakeup, type Clock, type Logger } from '@millrace/core'
import { Pace } from '@millrace/inbox'
import { createProductionLog, type ProductionOutcome } from '@millrace/outbox'
import type { Database } from '@millrace/postgres'
import type { Source } from '../sources/source.ts'
import {
  claimRepublish,
  holdRepublish,
  leaveRepublish,
  markEnded,
  markReleased,
  openItems,
  type ClaimedRepublish,
  type EndedItem,
  type OpenItem,
} from './carry-out-rows.ts'
import { countRepublishItems, moveRepublish } from './republish-rows.ts'

/**
 * Events of an operation that the relay may have at once, and that are looked at in a step. With a step a quarter of a second or sooner this is no bound of
 * any rate that may be asked for.
 */
const maxWithRelay = 4_000
/** Events of one statement on a log. */
const atOnce = 1_000
/** Operations of a service carried out at once. */
const maxPerService = 10
const leaseMs = 30_000
/** A look while so many events begin or end, while something is under way, and while nothing is. */
const promptCount = 100
const promptMs = 50
const busyMs = 250
const idleMs = 2_000
/** Until a service whose database did not answer is asked again. */
const restBackoff = { baseMs: 500, maxMs: 10_000 }

export interface RepublishWorkerOptions {
  /** This service's own. */
  readonly database: Database
  readonly sourceOf: (service: string) => Source
  readonly logger: Logger
  readonly clock: Clock
}

/** How it goes with a service. Its operations take their steps together, and no other service waits for them. */
interface ServiceState {
  /** Steps under way. */
  running: Promise<void> | undefined
  /** Times in a row in which a step failed. */
  failures: number
  restsUntilMs: number
}

/** Kept from step to step of an operation, and forgotten once it is not claimed for as long as a lease. */
interface KnownOperation {
  readonly service: string
  readonly pace: Pace
  lastMs: number
}

/**
 * Carries operations out, step by step: notes what became of the events the relay has, then gives it the next ones. An item is marked before its event
 * is given to the relay, and giving it twice is harmless: only FAILED events are taken. So a kill in between forgets nothing, and repeats nothing.
 */
export class RepublishWorker {
  readonly #options: RepublishWorkerOptions
  readonly #owner = uuidv7()
  readonly #wakeup: Wakeup
  readonly #closing = new AbortController()
  readonly #services = new Map<string, ServiceState>()
  readonly #known = new Map<string, KnownOperation>()
  #running: Promise<void> | undefined
  #isFailing = false

  constructor(options: RepublishWorkerOptions) {
    this.#options = options
    this.#wakeup = new Wakeup(options.clock)
  }

  /** Returns at once. Idempotent. */
  start(): void {
    if (!this.#closing.signal.aborted) this.#running ??= this.#run()
  }

  /** There may be something to do. */
  wake(): void {
    this.#wakeup.signal()
  }

  /** Lets the steps under way end. Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { database } = this.#options
    const { signal } = this.#closing
    while (!signal.aborted) {
      let isBusy = false
      try {
        isBusy = await this.#turn()
        this.#isFailing = false
      } catch (error) {
        this.#noteFailure(error)
      }
      await this.#wakeup.wait(isBusy ? busyMs : idleMs, signal)
    }
    for (const { running } of this.#services.values()) await running
    await leaveRepublish(database, this.#owner).catch(() => {})
  }

  /** Begins a step of the operations of each service that has none under way. */
  async #turn(): Promise<boolean> {
    const { database, clock } = this.#options
    const nowMs = clock.monotonicMs()
    const left = [...this.#services].filter(
      ([, each]) => each.running !== undefined || each.restsUntilMs > nowMs,
    )
    const claimed = await claimRepublish(database, {
      owner: this.#owner,
      leaseMs,
      perService: maxPerService,
      exceptServices: left.map(([service]) => service),
    })
    for (const [service, operations] of Map.groupBy(claimed, (each) => each.service)) {
      const state = this.#services.get(service) ?? {
        running: undefined,
        failures: 0,
        restsUntilMs: 0,
      }
      this.#services.set(service, state)
      state.running = this.#steps(service, state, operations)
    }
    for (const [id, { service, lastMs }] of this.#known)
      if (lastMs < nowMs - leaseMs && !this.#services.get(service)?.running) this.#known.delete(id)
    return claimed.length > 0 || left.length > 0
  }

  /** One step of each of a service's operations. Never rejects. */
  async #steps(
    service: string,
    state: ServiceState,
    operations: readonly ClaimedRepublish[],
  ): Promise<void> {
    const { clock, logger } = this.#options
    const steps = await Promise.allSettled(operations.map((each) => this.#step(each)))
    state.running = undefined
    const failed = steps.filter((step) => step.status === 'rejected')
    const [first] = failed
    if (!first) state.failures = 0
    else if (state.failures++ === 0)
      logger.warn('Events of a service could not be published again; tried on', {
        service,
        error: toError(first.reason),
      })
    // One that fails for reasons of its own holds up none of its service.
    if (failed.length === steps.length)
      state.restsUntilMs = clock.monotonicMs() + backoffMs(state.failures, restBackoff)
    if (steps.some((step) => step.status === 'fulfilled' && step.value >= promptCount))
      clock.setTimer(promptMs, () => this.wake())
  }

  #noteFailure(error: unknown): void {
    const { logger } = this.#options
    if (!this.#isFailing)
      logger.warn('Operations could not be looked at; tried on', { error: toError(error) })
    this.#isFailing = true
  }

  #paceOf({ id, service }: ClaimedRepublish): Pace {
    const { clock } = this.#options
    const known = this.#known.get(id) ?? { service, pace: new Pace(clock), lastMs: 0 }
    known.lastMs = clock.monotonicMs()
    this.#known.set(id, known)
    return known.pace
  }

  /** @returns how many events began or ended */
  async #step(operation: ClaimedRepublish): Promise<number> {
    const { database, sourceOf } = this.#options
    const { id } = operation
    const pace = this.#paceOf(operation)
    const source = sourceOf(operation.service)
    const released = await openItems(database, id, 'RELEASED', maxWithRelay)
    const outcomes = await findOutcomes(source, released)
    const ended = released.flatMap((item) => endOf(item, outcomes.get(item.eventId)))
    // Marked, and not given to the relay: whoever was at it died in between.
    const forgotten = released.filter((item) => isUntouched(item, outcomes.get(item.eventId)))
    const begun = await database.transaction(async (tx) => {
      const state = await holdRepublish(tx, id, this.#owner)
      if (state === undefined) return []
      const room = maxWithRelay - (released.length - ended.length)
      const allowance = state === 'PAUSED' ? 0 : pace.allowance(operation.ratePerSecond)
      const count = Math.min(allowance, room)
      const next = count > 0 ? await openItems(tx, id, 'WAITING', count) : []
      await markEnded(tx, id, ended)
      await markReleased(
        tx,
        id,
        next.map(({ position }) => position),
      )
      const { open } = await countRepublishItems(tx, id)
      if (open === 0) await moveRepublish(tx, id, 'DONE')
      return next
    })
    pace.spend(begun.length)
    // A ramp begins anew after a pause.
    if (operation.state === 'PAUSED') this.#known.delete(id)
    await giveToRelay(source, [...forgotten, ...begun])
    return begun.length + ended.length
  }
}

/** The items in parts that one statement on their log takes. */
function* partsOf(
  items: readonly OpenItem[],
): Generator<{ readonly schema: string; readonly eventIds: readonly string[] }> {
  for (const [schema, same] of Map.groupBy(items, (item) => item.schema))
    for (let at = 0; at < same.length; at += atOnce)
      yield { schema, eventIds: same.slice(at, at + atOnce).map((item) => item.eventId) }
}

/** What the logs that hold the events say of them. */
async function findOutcomes(
  source: Source,
  items: readonly OpenItem[],
): Promise<ReadonlyMap<string, ProductionOutcome>> {
  const found = new Map<string, ProductionOutcome>()
  for (const { schema, eventIds } of partsOf(items)) {
    const log = createProductionLog({ database: source.reading, schema })
    for (const outcome of await log.outcomes(eventIds)) found.set(outcome.eventId, outcome)
  }
  return found
}

async function giveToRelay(source: Source, items: readonly OpenItem[]): Promise<void> {
  for (const { schema, eventIds } of partsOf(items))
    await createProductionLog({ database: source.writing, schema }).retry(eventIds)
}

function isUntouched(item: OpenItem, outcome: ProductionOutcome | undefined): boolean {
  return outcome?.status === 'FAILED' && outcome.retryCount <= item.attemptsBefore
}

/** How an item that was given to the relay ended; nothing while the relay has it. */
function endOf(item: OpenItem, outcome: ProductionOutcome | undefined): readonly EndedItem[] {
  const { position } = item
  const none = { position, partitionNumber: null, offset: null, errorClass: null }
  if (!outcome)
    return [{ ...none, state: 'SKIPPED', note: 'It is no longer in the log of its service.' }]
  if (outcome.status === 'PUBLISHED') {
    const { partitionNumber, offset } = outcome
    return [{ ...none, state: 'DONE', partitionNumber, offset, note: null }]
  }
  if (outcome.status !== 'FAILED' || isUntouched(item, outcome)) return []
  const { errorClass, errorMessage } = outcome
  return [{ ...none, state: 'FAILED', errorClass, note: errorMessage }]
}
