import type { Clock, Timer } from '@millrace/core'
import { notifyIntervalMs } from './notifier.ts'

/** How often a relay looks while writers may be silent. */
const lookMs = 5
/** A notification that is due comes within that, or a poll finds what it told of. */
const echoMs = notifyIntervalMs + 2 * lookMs

/**
 * A notification says that another process writes, and that it may write more without a word for the next 50 ms (`Notifier`). So the relay
 * looks each 5 ms for as long: an event then waits for a look no longer than where the writer is in the relay's own process.
 */
export class NoticeEcho {
  readonly #clock: Clock
  readonly #look: () => void
  readonly #lookAgain: () => void
  #untilMs = 0
  #timer: Timer | undefined

  /** @param look at a notification, which may also tell that a lane is free; `lookAgain`: for events alone */
  constructor(clock: Clock, look: () => void, lookAgain: () => void) {
    this.#clock = clock
    this.#look = look
    this.#lookAgain = lookAgain
  }

  hear(): void {
    this.#untilMs = this.#clock.monotonicMs() + echoMs
    this.#look()
    this.#timer ??= this.#clock.setTimer(lookMs, () => this.#again())
  }

  close(): void {
    this.#timer?.cancel()
  }

  #again(): void {
    this.#timer =
      this.#clock.monotonicMs() < this.#untilMs
        ? this.#clock.setTimer(lookMs, () => this.#again())
        : undefined
    this.#lookAgain()
  }
}
