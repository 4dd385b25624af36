/** Latencies at one place, ms: all of them summed, and the least and the most of the last one to two windows of time. May be negative: clocks differ. */
export class LatencyCount {
  count = 0
  sumMs = 0
  #least = Infinity
  #most = -Infinity
  #leastBefore = Infinity
  #mostBefore = -Infinity

  note(ms: number): void {
    this.count++
    this.sumMs += ms
    if (ms < this.#least) this.#least = ms
    if (ms > this.#most) this.#most = ms
  }

  /** 0 where there was none. */
  get leastMs(): number {
    return finite(Math.min(this.#least, this.#leastBefore))
  }

  get mostMs(): number {
    return finite(Math.max(this.#most, this.#mostBefore))
  }

  /** Begins a new window. */
  rotate(): void {
    this.#leastBefore = this.#least
    this.#mostBefore = this.#most
    this.#least = Infinity
    this.#most = -Infinity
  }
}

function finite(ms: number): number {
  return Number.isFinite(ms) ? ms : 0
}
