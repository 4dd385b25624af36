import type { Counter, Labels, Meter } from '@millrace/core'

interface Series {
  readonly labels: Labels
  sum: number
}

/** Passes everything on to another meter and keeps the sums of its counters, so that routes can show them. */
export class TallyingMeter implements Meter {
  readonly #inner: Meter
  /** By name, then by the values of the labels. */
  readonly #series = new Map<string, Map<string, Series>>()

  constructor(inner: Meter) {
    this.#inner = inner
  }

  counter(options: Parameters<Meter['counter']>[0]): Counter {
    const inner = this.#inner.counter(options)
    const all = this.#series.get(options.name) ?? new Map<string, Series>()
    this.#series.set(options.name, all)
    return {
      add: (count, labels = {}) => {
        const key = Object.values(labels).join(' ')
        const series = all.get(key)
        if (series) series.sum += count
        else all.set(key, { labels, sum: count })
        inner.add(count, labels)
      },
    }
  }

  gauge(options: Parameters<Meter['gauge']>[0]): ReturnType<Meter['gauge']> {
    return this.#inner.gauge(options)
  }

  histogram(options: Parameters<Meter['histogram']>[0]): ReturnType<Meter['histogram']> {
    return this.#inner.histogram(options)
  }

  /** Whether somebody counts that at all. */
  knows(name: string): boolean {
    return this.#series.has(name)
  }

  /** 0 where nothing was counted yet. @param where labels that count; over all others */
  sumOf(name: string, where: Labels = {}): number {
    let sum = 0
    for (const { labels, sum: own } of this.#series.get(name)?.values() ?? [])
      if (Object.entries(where).every(([label, value]) => labels[label] === value)) sum += own
    return sum
  }
}
