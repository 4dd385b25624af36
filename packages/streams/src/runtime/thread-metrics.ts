import type { Counter, Meter } from '@millrace/core'
import type { RuntimeSettings, ThreadIdentity } from './runtime-options.ts'

/** What a stream thread counts of itself: once a round or a commit, never per record. Names and their Java counterparts: docs/streams.md. */
export class ThreadMetrics {
  readonly #labels: { readonly application: string; readonly thread: number }
  readonly #processed: Counter
  readonly #processSeconds: Counter
  readonly #commits: Counter
  readonly #commitSeconds: Counter

  constructor(meter: Meter, settings: RuntimeSettings, identity: ThreadIdentity) {
    this.#labels = { application: settings.applicationId, thread: identity.index + 1 }
    const counter = (name: string, help: string): Counter =>
      meter.counter({ name, help, labelNames: ['application', 'thread'] })
    this.#processed = counter(
      'mr_streams_processed_records_total',
      'Records that tasks have taken from their input',
    )
    this.#processSeconds = counter(
      'mr_streams_process_seconds_total',
      'Time spent in the topology: operators, stores and punctuators',
    )
    this.#commits = counter('mr_streams_commits_total', 'Commits that succeeded')
    this.#commitSeconds = counter(
      'mr_streams_commit_seconds_total',
      'Time of commits that succeeded, from the flush of the stores until the state is on disk',
    )
  }

  /** A round has ended. */
  processed(count: number, ms: number): void {
    this.#processed.add(count, this.#labels)
    this.#processSeconds.add(ms / 1_000, this.#labels)
  }

  committed(ms: number): void {
    this.#commits.add(1, this.#labels)
    this.#commitSeconds.add(ms / 1_000, this.#labels)
  }
}
