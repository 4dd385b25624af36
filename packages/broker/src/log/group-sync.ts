import type { Clock } from '@millrace/core'
import { limits } from '../limits.ts'

/** Something whose writes can be made durable: a partition's log, or the journal. */
export interface Syncable {
  /** Makes durable what was written before the call. */
  sync(): Promise<void>
}

/**
 * Group commit: waits that begin within one short window, or while the device is still busy with the window before, share one
 * round of syncs.
 */
export class GroupSync {
  readonly #clock: Clock
  #waiting = new Map<Syncable, Promise<void>>()
  #round: Promise<void> | undefined
  #running: Promise<void> = Promise.resolve()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Resolves when what was written to `target` before the call is durable; rejects when its sync failed. */
  wait(target: Syncable): Promise<void> {
    const known = this.#waiting.get(target)
    if (known !== undefined) return known
    this.#round ??= this.#openRound()
    const waiting = this.#waiting
    const done = this.#round.then(() => target.sync())
    waiting.set(target, done)
    return done
  }

  /** Resolves when the window has passed and the round before is over; from then on new waits belong to the next round. */
  async #openRound(): Promise<void> {
    const before = this.#running
    const waiting = this.#waiting
    await this.#clock.sleep(limits.groupSyncWindowMs)
    await before
    this.#round = undefined
    this.#waiting = new Map()
    this.#running = Promise.allSettled(waiting.values()).then(() => {})
  }
}
