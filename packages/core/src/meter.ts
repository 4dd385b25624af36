/** Label values of one sample. Topic and group may be labels, ids never. */
export type Labels = Readonly<Record<string, string | number>>

/** Name `mr_<area>_<what>_<unit>` (`_total` for counters) and help text. */
export interface InstrumentOptions {
  readonly name: string
  readonly help: string
  readonly labelNames?: readonly string[]
}

export interface Counter {
  add(count: number, labels?: Labels): void
}

export interface Gauge {
  set(value: number, labels?: Labels): void
}

export interface Histogram {
  /** Durations in seconds, as Prometheus has them. */
  observe(value: number, labels?: Labels): void
}

/** Where libraries of ours report figures. Asking twice for one name gives the same instrument. */
export interface Meter {
  counter(options: InstrumentOptions): Counter
  /** With `collect`, it runs at each scrape and should call `set` on the gauge it is given. */
  gauge(
    options: InstrumentOptions & { readonly collect?: (gauge: Gauge) => void | Promise<void> },
  ): Gauge
  histogram(options: InstrumentOptions & { readonly buckets?: readonly number[] }): Histogram
}

/** Drops everything. The default where a library is used without a meter. */
export const noopMeter: Meter = {
  counter: () => ({ add: () => {} }),
  gauge: () => ({ set: () => {} }),
  histogram: () => ({ observe: () => {} }),
}
