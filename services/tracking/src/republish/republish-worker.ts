import { toError, uuidv7, Wakeup, type Clock, type Logger } from '@millrace/core'
import { Pace } from '@millrace/inbox'
import { createProductionLog, type LoggedEvent } from '@millrace/outbox'
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

/** Events of one step that begin, and events with the relay that are looked at. Rows come with their payloads. */
const maxBegin = 100
const maxLook = 200
/** Operations carried out at once. */
const maxOperations = 10
const leaseMs = 30_000
/** A look while something is under way, and while nothing is. */
const busyMs = 250
const idleMs = 2_000

export interface RepublishWorkerOptions {
  /** This service's own. */
  readonly database: Database
  readonly sourceOf: (service: string) => Source
  readonly logger: Logger
  readonly clock: Clock
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
  readonly #paces = new Map<string, Pace>()
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

  /** Lets the step under way end. Idempotent. */
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
      } catch (error) {
        this.#noteFailure(error)
      }
      await this.#wakeup.wait(isBusy ? busyMs : idleMs, signal)
    }
    await leaveRepublish(database, this.#owner).catch(() => {})
  }

  /** One step of each operation; one whose database is away keeps no other from going on. */
  async #turn(): Promise<boolean> {
    const claim = { owner: this.#owner, leaseMs, limit: maxOperations }
    const claimed = await claimRepublish(this.#options.database, claim)
    for (const id of this.#paces.keys())
      if (!claimed.some((each) => each.id === id)) this.#paces.delete(id)
    const steps = await Promise.allSettled(claimed.map((each) => this.#step(each)))
    const failed = steps.find((step) => step.status === 'rejected')
    // The others go on at their pace.
    if (failed) this.#noteFailure(failed.reason)
    else this.#isFailing = false
    return claimed.length > 0
  }

  #noteFailure(error: unknown): void {
    const { logger } = this.#options
    if (!this.#isFailing)
      logger.warn('Events could not be published again; tried on', { error: toError(error) })
    this.#isFailing = true
  }

  async #step(operation: ClaimedRepublish): Promise<void> {
    const { database, clock, sourceOf } = this.#options
    const { id } = operation
    const pace = this.#paces.get(id) ?? new Pace(clock)
    this.#paces.set(id, pace)
    const source = sourceOf(operation.service)
    const released = await openItems(database, id, 'RELEASED', maxLook)
    const events = await findEvents(source, released)
    const ended = released.flatMap((item) => endOf(item, events.get(item.eventId)))
    // Marked, and not given to the relay: whoever was at it died in between.
    const forgotten = released.filter((item) => isUntouched(item, events.get(item.eventId)))
    const begun = await database.transaction(async (tx) => {
      const state = await holdRepublish(tx, id, this.#owner)
      if (state === undefined) return []
      const isFull = released.length - ended.length >= maxLook
      const allowance = state === 'PAUSED' || isFull ? 0 : pace.allowance(operation.ratePerSecond)
      const next =
        allowance > 0 ? await openItems(tx, id, 'WAITING', Math.min(allowance, maxBegin)) : []
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
    if (operation.state === 'PAUSED') this.#paces.delete(id)
    await giveToRelay(source, [...forgotten, ...begun])
  }
}

/** The events of items, from the logs that hold them. */
async function findEvents(
  source: Source,
  items: readonly OpenItem[],
): Promise<ReadonlyMap<string, LoggedEvent>> {
  const found = new Map<string, LoggedEvent>()
  for (const [schema, same] of Map.groupBy(items, (item) => item.schema)) {
    const log = createProductionLog({ database: source.reading, schema })
    for (const event of await log.findAll(same.map((item) => item.eventId)))
      found.set(event.eventId, event)
  }
  return found
}

async function giveToRelay(source: Source, items: readonly OpenItem[]): Promise<void> {
  for (const [schema, same] of Map.groupBy(items, (item) => item.schema)) {
    const log = createProductionLog({ database: source.writing, schema })
    await log.retry(same.map((item) => item.eventId))
  }
}

function isUntouched(item: OpenItem, event: LoggedEvent | undefined): boolean {
  return event?.status === 'FAILED' && event.retryCount <= item.attemptsBefore
}

/** How an item that was given to the relay ended; nothing while the relay has it. */
function endOf(item: OpenItem, event: LoggedEvent | undefined): readonly EndedItem[] {
  const { position } = item
  const none = { position, partitionNumber: null, offset: null, errorClass: null }
  if (!event)
    return [{ ...none, state: 'SKIPPED', note: 'It is no longer in the log of its service.' }]
  if (event.status === 'PUBLISHED') {
    const { partitionNumber, offset } = event
    return [{ ...none, state: 'DONE', partitionNumber, offset, note: null }]
  }
  if (event.status !== 'FAILED' || isUntouched(item, event)) return []
  const { errorClass, errorMessage } = event
  return [{ ...none, state: 'FAILED', errorClass, note: errorMessage }]
}
