import type { Counter, Meter } from '@millrace/core'

/** Passes everything on to another meter and keeps the sums of its counters, over all labels, so that routes can show them. */
export class TallyingMeter implements Meter {
  readonly #inner: Meter
  readonly #sums = new Map<string, number>()

  constructor(inner: Meter) {
    this.#inner = inner
  }

  counter(options: Parameters<Meter['counter']>[0]): Counter {
    const inner = this.#inner.counter(options)
    return {
      add: (count, labels) => {
        this.#sums.set(options.name, this.sumOf(options.name) + count)
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

  /** 0 where nothing was counted yet. */
  sumOf(name: string): number {
    return this.#sums.get(name) ?? 0
  }
}
