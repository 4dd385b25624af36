import type { Counter, Meter } from '@millrace/core'
import type { ThreadCounts } from '../../metrics/thread-counts.ts'
import type { RuntimeSettings, ThreadIdentity } from '../runtime-options.ts'

/** What a stream thread counts of itself: once a round or a commit, never per record. Names and their Java counterparts: docs/streams.md. */
export class ThreadMetrics {
  readonly #labels: { readonly application: string; readonly thread: number }
  readonly #processed: Counter
  readonly #processSeconds: Counter
  readonly #commits: Counter
  readonly #commitSeconds: Counter
  readonly #polls: Counter
  readonly #polledRecords: Counter
  readonly #counts: ThreadCounts

  /** @param counts what is counted of the thread beside its meter */
  constructor(
    meter: Meter,
    settings: RuntimeSettings,
    identity: ThreadIdentity,
    counts: ThreadCounts,
  ) {
    this.#counts = counts
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
    this.#polls = counter('mr_streams_polls_total', 'Batches that the consumer handed out')
    this.#polledRecords = counter(
      'mr_streams_polled_records_total',
      'Records of the batches that the consumer handed out',
    )
  }

  /** A round has ended. */
  processed(count: number, ms: number): void {
    this.#processed.add(count, this.#labels)
    this.#processSeconds.add(ms / 1_000, this.#labels)
    this.#counts.processed += count
    this.#counts.processMs += ms
  }

  committed(ms: number): void {
    this.#commits.add(1, this.#labels)
    this.#commitSeconds.add(ms / 1_000, this.#labels)
    this.#counts.commits++
    this.#counts.commitMs += ms
    this.#counts.maxCommitMs.note(ms)
  }

  /** The consumer handed out a batch. */
  polled(records: number): void {
    this.#polls.add(1, this.#labels)
    this.#polledRecords.add(records, this.#labels)
    this.#counts.polls++
    this.#counts.polledRecords += records
  }
}
