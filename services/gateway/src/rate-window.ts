/** How far back rates look, ms. */
export const rateWindowMs = 5000

/** Turns the readings of a growing counter into a rate over the last 5 s. */
export class CounterRate {
  #readings: { readonly atMs: number; readonly value: number }[] = []

  /** @param value the counter now; null when it could not be read, which makes the rate unknown until two readings came again */
  read(atMs: number, value: number | null): void {
    const last = this.#readings.at(-1)
    // A counter that fell began anew with its process.
    if (value === null || (last && value < last.value)) this.#readings = []
    if (value === null) return
    this.#readings.push({ atMs, value })
    // One reading beyond the window stays, so that the window is covered in full.
    while ((this.#readings[1]?.atMs ?? Infinity) <= atMs - rateWindowMs) this.#readings.shift()
  }

  /** Null until two readings came. */
  perSecond(): number | null {
    const first = this.#readings[0]
    const last = this.#readings.at(-1)
    if (!first || !last || last.atMs <= first.atMs) return null
    return round(((last.value - first.value) * 1000) / (last.atMs - first.atMs))
  }
}

/** Counts things as they happen, in slots of one second. */
export class EventRate {
  readonly #counts = new Map<number, number>()
  readonly #startedMs: number

  /** @param nowMs any clock, the same for all calls */
  constructor(nowMs: number) {
    this.#startedMs = nowMs
  }

  count(nowMs: number): void {
    const second = Math.floor(nowMs / 1000)
    this.#counts.set(second, (this.#counts.get(second) ?? 0) + 1)
    this.#forget(second)
  }

  /** Over the last full 5 s and the second that runs, or since the start if that is shorter. */
  perSecond(nowMs: number): number {
    const second = Math.floor(nowMs / 1000)
    this.#forget(second)
    const total = this.#counts.values().reduce((sum, count) => sum + count, 0)
    const sinceMs = Math.max(this.#startedMs, second * 1000 - rateWindowMs)
    return round((total * 1000) / Math.max(1000, nowMs - sinceMs))
  }

  #forget(second: number): void {
    for (const known of this.#counts.keys()) {
      if (known < second - rateWindowMs / 1000) this.#counts.delete(known)
    }
  }
}

function round(rate: number): number {
  return Math.round(rate * 100) / 100
}
