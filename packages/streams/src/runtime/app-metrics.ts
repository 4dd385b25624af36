import type { Counter, Gauge, Meter } from '@millrace/core'
import { appMoves, type StreamsState } from './app-state.ts'
import type { RestoreProgress } from './state/changelog-restorer.ts'

const states = Object.keys(appMoves)

/** A state as a number, as series have it. */
export function stateNumber(state: StreamsState): number {
  return states.indexOf(state)
}

/** What an application counts in its process, for all of its threads. Names and their Java counterparts: docs/streams.md. */
export class AppMetrics {
  readonly #labels: { readonly application: string }
  readonly #dropped: Counter
  readonly #restored: Counter
  readonly #failed: Counter
  readonly #alive: Gauge
  readonly #state: Gauge
  #failedCount = 0

  constructor(meter: Meter, applicationId: string) {
    this.#labels = { application: applicationId }
    const labelNames = ['application'] as const
    this.#dropped = meter.counter({
      name: 'mr_streams_dropped_records_total',
      help: 'Records left out: late, undecodable, without the key that is needed',
      labelNames,
    })
    this.#restored = meter.counter({
      name: 'mr_streams_restored_records_total',
      help: 'Records of changelogs that restorations which ended have read',
      labelNames,
    })
    this.#failed = meter.counter({
      name: 'mr_streams_failed_threads_total',
      help: 'Stream threads that ended by an error, those that were replaced included',
      labelNames,
    })
    this.#alive = meter.gauge({
      name: 'mr_streams_alive_threads',
      help: 'Stream threads that have not ended',
      labelNames,
    })
    this.#state = meter.gauge({
      name: 'mr_streams_state',
      help: `State of the application: ${states.map((state, index) => `${index} ${state}`).join(', ')}`,
      labelNames,
    })
  }

  dropped(count: number): void {
    this.#dropped.add(count, this.#labels)
  }

  restored({ phase, role, restoredCount }: RestoreProgress): void {
    if (phase === 'end' && role === 'active') this.#restored.add(restoredCount, this.#labels)
  }

  /** Threads that ended by an error. */
  get failedCount(): number {
    return this.#failedCount
  }

  threadFailed(): void {
    this.#failedCount++
    this.#failed.add(1, this.#labels)
  }

  threads(aliveCount: number): void {
    this.#alive.set(aliveCount, this.#labels)
  }

  state(state: StreamsState): void {
    this.#state.set(stateNumber(state), this.#labels)
  }
}
