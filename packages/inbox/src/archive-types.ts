import type { ArchiveOptions } from '@millrace/postgres'

/** Which days go to files. */
export interface InboxArchiveOptions extends ArchiveOptions {
  /**
   * How long the topics keep their records, whole days. Default 7, as Kafka's. A record that is delivered again after its row is gone takes effect again, so
   * `hotDays` must be at least this and `deadLetterDays` together.
   */
  readonly topicRetentionDays?: number
  /** How long after its delivery an event may still be sent again from a dead letter topic, whole days. Default 7. */
  readonly deadLetterDays?: number
}

export interface InboxArchiveSchedule extends Omit<InboxArchiveOptions, 'signal'> {
  /** How often to look for days to archive, ms. Default 3,600,000. */
  readonly everyMs?: number
}

/** A schedule that runs. */
export interface InboxArchiveRunner extends AsyncDisposable {
  /** Waits for a run under way to end its day. Idempotent. */
  close(): Promise<void>
}
