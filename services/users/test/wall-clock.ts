import { systemClock, type Clock } from '@millrace/core'

/** A clock whose wall is moved by the test, while waits run as ever: so a service starts and retries by itself. */
export interface WallClock extends Clock {
  advance(ms: number): void
}

export function wallClock(): WallClock {
  let nowMs = Date.now()
  return {
    ...systemClock,
    now: () => nowMs,
    advance: (ms) => {
      nowMs += ms
    },
  }
}
