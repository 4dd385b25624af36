import type { OperatorContext } from '../operator.ts'

/** Looks this often within the time after which a step is idle. */
const looksPerWait = 4

/**
 * Tells when a step has had no record for a time of the wall clock; once, until the next record. It looks four times within that time,
 * so that it tells up to a quarter of it late, and a record costs no look at the clock.
 */
export class IdleWatch {
  #hasRecord = false
  /** When it last saw that a record had come; undefined while it is idle, or had none yet. */
  #lastMs: number | undefined

  constructor(context: OperatorContext, waitMs: number, onIdle: () => void) {
    const intervalMs = Math.max(1, Math.floor(waitMs / looksPerWait))
    context.schedule({ intervalMs, type: 'WALL_CLOCK_TIME' }, (now) => {
      if (this.#hasRecord) {
        this.#hasRecord = false
        this.#lastMs = now
      } else if (this.#lastMs !== undefined && now - this.#lastMs >= waitMs) {
        this.#lastMs = undefined
        onIdle()
      }
    })
  }

  /** A record has come. */
  touch(): void {
    this.#hasRecord = true
  }
}

/** Undefined for a step that never closes its windows by the clock. */
export function idleWatch(
  context: OperatorContext,
  step: { readonly closeIdleAfterMs?: number | undefined },
  onIdle: () => void,
): IdleWatch | undefined {
  return step.closeIdleAfterMs === undefined
    ? undefined
    : new IdleWatch(context, step.closeIdleAfterMs, onIdle)
}
