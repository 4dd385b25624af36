/** What is counted in a worker, told to its application once a second, whose meter has it then. */
import type { Clock, InstrumentOptions, Labels, Meter, Timer } from '@millrace/core'

/** A change of one series: what was added to a counter since the last, or what a gauge stands at. */
export interface MetricChange {
  readonly kind: 'counter' | 'gauge'
  readonly name: string
  readonly help: string
  readonly labelNames: readonly string[]
  readonly labels: Labels
  readonly value: number
}

const tellMs = 1_000

/** The worker's side. There are no histograms in a stream thread; one that is asked for drops what it is given. */
export class WorkerMeter implements Meter {
  readonly #clock: Clock
  readonly #tell: (changes: readonly MetricChange[]) => void
  readonly #changes = new Map<string, MetricChange>()
  #timer: Timer | undefined

  constructor(clock: Clock, tell: (changes: readonly MetricChange[]) => void) {
    this.#clock = clock
    this.#tell = tell
  }

  counter(options: InstrumentOptions) {
    return {
      add: (count: number, labels: Labels = {}) =>
        this.#change('counter', options, labels, (before) => before + count),
    }
  }

  gauge(options: InstrumentOptions) {
    return {
      set: (value: number, labels: Labels = {}) =>
        this.#change('gauge', options, labels, () => value),
    }
  }

  histogram() {
    return { observe: () => {} }
  }

  /** Tells what has changed now. */
  flush(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    if (this.#changes.size > 0) this.#tell([...this.#changes.values()])
    this.#changes.clear()
  }

  #change(
    kind: MetricChange['kind'],
    { name, help, labelNames = [] }: InstrumentOptions,
    labels: Labels,
    next: (before: number) => number,
  ): void {
    const key = `${name} ${labelNames.map((each) => String(labels[each])).join(' ')}`
    const value = next(this.#changes.get(key)?.value ?? 0)
    this.#changes.set(key, { kind, name, help, labelNames, labels, value })
    this.#timer ??= this.#clock.setTimer(tellMs, () => this.flush())
  }
}

/** The application's side. */
export function applyChanges(meter: Meter, changes: readonly MetricChange[]): void {
  for (const { kind, labels, value, ...options } of changes)
    if (kind === 'counter') meter.counter(options).add(value, labels)
    else meter.gauge(options).set(value, labels)
}
