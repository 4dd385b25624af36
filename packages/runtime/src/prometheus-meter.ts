import {
  collectDefaultMetrics,
  Counter as PrometheusCounter,
  Gauge as PrometheusGauge,
  Histogram as PrometheusHistogram,
  Registry,
} from '@prometheus-io/client'
import type { Counter, Gauge, Histogram, Labels, Meter } from '@millrace/core'

/** Longest wait for one gauge's `collect` at a scrape, ms: a database that is away must not hold up all other figures. */
const collectTimeoutMs = 1000

/** core's Meter over a registry of its own, so that several services in one process do not mix. */
export class PrometheusMeter implements Meter {
  readonly #registry = new Registry()
  readonly #instruments = new Map<string, Counter | Gauge | Histogram>()

  counter(options: Parameters<Meter['counter']>[0]): Counter {
    return this.#once(options.name, () => {
      const counter = new PrometheusCounter({ ...this.#settings(options) })
      return { add: (count: number, labels: Labels = {}) => counter.inc({ ...labels }, count) }
    })
  }

  gauge(options: Parameters<Meter['gauge']>[0]): Gauge {
    return this.#once(options.name, () => {
      const { collect } = options
      const hasLabels = (options.labelNames ?? []).length > 0
      const gauge: PrometheusGauge<string> = new PrometheusGauge<string>({
        ...this.#settings(options),
        ...(collect
          ? {
              collect: async (): Promise<void> => {
                const isKnown = await collectedWithin(adapted, collect)
                // An unknown figure must not read as 0 or as the last one: it is NaN, or with labels the series is left out.
                if (!isKnown) gauge.reset()
                if (!isKnown && !hasLabels) gauge.set(Number.NaN)
              },
            }
          : {}),
      })
      const adapted: Gauge = { set: (value, labels = {}) => gauge.set({ ...labels }, value) }
      return adapted
    })
  }

  histogram(options: Parameters<Meter['histogram']>[0]): Histogram {
    return this.#once(options.name, () => {
      const histogram = new PrometheusHistogram({
        ...this.#settings(options),
        ...(options.buckets ? { buckets: [...options.buckets] } : {}),
      })
      return {
        observe: (value: number, labels: Labels = {}) => histogram.observe({ ...labels }, value),
      }
    })
  }

  /** Text in Prometheus' format: this service's figures, then those of the process. */
  async scrape(): Promise<string> {
    const [own, ofProcess] = await Promise.all([
      this.#registry.metrics(),
      processRegistry().metrics(),
    ])
    return `${own}\n${ofProcess}`
  }

  readonly contentType: string = Registry.PROMETHEUS_CONTENT_TYPE

  #settings(options: { name: string; help: string; labelNames?: readonly string[] }) {
    return {
      name: options.name,
      help: options.help,
      labelNames: [...(options.labelNames ?? [])],
      registers: [this.#registry],
    }
  }

  #once<T extends Counter | Gauge | Histogram>(name: string, make: () => T): T {
    const existing = this.#instruments.get(name) as T | undefined
    if (existing) return existing
    const made = make()
    this.#instruments.set(name, made)
    return made
  }
}

async function collectedWithin(
  gauge: Gauge,
  collect: (gauge: Gauge) => void | Promise<void>,
): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), collectTimeoutMs)
  })
  const collected = Promise.resolve(gauge)
    .then(collect)
    .then(
      () => true,
      () => false,
    )
  try {
    return await Promise.race([collected, timeout])
  } finally {
    clearTimeout(timer)
  }
}

let processMetrics: Registry | undefined

/** Memory, CPU, event loop: measured once per process, shown by each service in it, since each is scraped at its own address. */
function processRegistry(): Registry {
  if (!processMetrics) {
    processMetrics = new Registry()
    collectDefaultMetrics({ register: processMetrics })
  }
  return processMetrics
}
