/**
 * How many lanes a relay may lead: its part, while there are others. Of one relay; its runners ask here before they take a lane, one at
 * a time, and are told here to give one up.
 */
export class LaneShare {
  readonly #led = new Map<number, AbortController>()
  #limit = Infinity
  #attempts: Promise<unknown> = Promise.resolve()

  /** `laneCount` lanes among `relayCount` relays. Those led beyond the part are given up, the last ones first. */
  divide(laneCount: number, relayCount: number): void {
    this.#limit = Math.ceil(laneCount / Math.max(1, relayCount))
    for (const lane of [...this.#led.keys()].toSorted((a, b) => a - b).slice(this.#limit))
      this.#led.get(lane)?.abort()
  }

  /** Runs `take` unless the part is full. What it gives is led until `drop`. */
  attempt<T>(lane: number, take: () => Promise<T | undefined>): Promise<T | undefined> {
    const attempt = this.#attempts.then(async () => {
      if (this.#led.size >= this.#limit) return undefined
      const taken = await take()
      if (taken !== undefined) this.#led.set(lane, new AbortController())
      return taken
    })
    this.#attempts = attempt.catch(() => {})
    return attempt
  }

  /** Aborted when the lane is to be given up. */
  signalOf(lane: number): AbortSignal {
    return this.#led.get(lane)?.signal ?? AbortSignal.abort()
  }

  drop(lane: number): void {
    this.#led.delete(lane)
  }
}
