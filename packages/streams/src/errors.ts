import { MillraceError } from '@millrace/core'

/** Codes of this package. */
export const streamsErrors = {
  /** The topology cannot be built as it is written; nothing was started. */
  MR_STREAMS_BAD_TOPOLOGY: { retryable: false },
  /** State or an internal topic would get a name from its position in the topology; give it one, or allow it. */
  MR_STREAMS_ANONYMOUS_STATE: { retryable: false },
  /** An operator needs to turn keys or values into bytes, or back, and was not told how. */
  MR_STREAMS_NO_SERDE: { retryable: false },
  /** A window's bound is not usable. */
  MR_STREAMS_BAD_WINDOW: { retryable: false },
  /** An option is out of its bounds. */
  MR_STREAMS_BAD_OPTION: { retryable: false },
  /** Bytes of a topic or store are not what their serde expects. */
  MR_STREAMS_UNDECODABLE: { retryable: false },
  /** A value cannot be turned into bytes by its serde. */
  MR_STREAMS_UNENCODABLE: { retryable: false },
  /** A record's timestamp is negative and the extractor gave no other. */
  MR_STREAMS_BAD_TIMESTAMP: { retryable: false },
  /** A function of the topology threw; the cause is its error. */
  MR_STREAMS_PROCESSING_FAILED: { retryable: false },
  /** A handler of errors threw, or answered what it must not; the cause is its error. */
  MR_STREAMS_HANDLER_FAILED: { retryable: false },
  /** A record could not be written to its topic; the cause is the client's error. */
  MR_STREAMS_NOT_WRITTEN: { retryable: false },
  /** A processor of fixed keys forwarded a record that was not made from one it was given. */
  MR_STREAMS_KEY_CHANGED: { retryable: false },
  /** No such store, or it is of another kind, or the processor is not connected to it. */
  MR_STREAMS_UNKNOWN_STORE: { retryable: false },
  /** A processor is to change a global store, which only its topic changes. */
  MR_STREAMS_READ_ONLY_STORE: { retryable: false },
  /** No such topic in the topology. */
  MR_STREAMS_UNKNOWN_TOPIC: { retryable: false },
  /** The cluster does not have a topic that the topology reads. */
  MR_STREAMS_MISSING_TOPIC: { retryable: false },
  /** Topics that are joined, or an internal topic that exists already, have other partition counts than they must have. */
  MR_STREAMS_PARTITION_MISMATCH: { retryable: false },
  /** Another member of the group has the tasks: what was done since the last commit is dropped here, and done there. */
  MR_STREAMS_TASK_MIGRATED: { retryable: true },
  /** The group has no committed offset where a source wants none to be made up. */
  MR_STREAMS_NO_OFFSET: { retryable: false },
  /** What an application stands on did not come back within `taskTimeoutMs`. */
  MR_STREAMS_TASK_TIMEOUT: { retryable: false },
  /** A state directory cannot be used as it is. */
  MR_STREAMS_STATE_DIRECTORY: { retryable: false },
  /** State on disk cannot be read; it is rebuilt from its changelog. */
  MR_STREAMS_STATE_DAMAGED: { retryable: true },
  /** State could not be written to disk; the changelog has what is missing there. */
  MR_STREAMS_STATE_NOT_WRITTEN: { retryable: true },
  /** A key is longer than a store on disk can hold. */
  MR_STREAMS_KEY_TOO_LARGE: { retryable: false },
  /** The module of a topology does not export one. */
  MR_STREAMS_BAD_MODULE: { retryable: false },
  /** A suppress step holds more than it may, and was told to stop then. */
  MR_STREAMS_BUFFER_FULL: { retryable: false },
  /** One record made a topology write more than a test driver allows: it most likely feeds itself and never ends. */
  MR_STREAMS_ENDLESS: { retryable: false },
  /** A query cannot be answered as it was asked: a key that is none of the store's, a limit out of bounds. */
  MR_STREAMS_BAD_QUERY: { retryable: false },
  /** The store is being restored, or is with nobody while the group rebalances; the same query will be answered then. */
  MR_STREAMS_STORE_NOT_READY: { retryable: true },
  /** Another instance has that partition of the store. */
  MR_STREAMS_NOT_OWNER: { retryable: true },
  /** The input that a query was to wait for was not processed in time. */
  MR_STREAMS_POSITION_NOT_REACHED: { retryable: true },
  /** More queries wait at a stream thread than it takes. */
  MR_STREAMS_QUERIES_FULL: { retryable: true },
  /** The instance that has the store did not answer. */
  MR_STREAMS_INSTANCE_UNREACHABLE: { retryable: true },
  /** An asynchronous call of the topology took longer than it may. */
  MR_STREAMS_CALL_TIMEOUT: { retryable: true },
  /** Another instance of the application ended it everywhere; its log has the cause. */
  MR_STREAMS_SHUTDOWN_REQUESTED: { retryable: false },
  /** Another process has taken the place of this instance in the group. */
  MR_STREAMS_INSTANCE_FENCED: { retryable: false },
  /** It can be done only while nothing of the application runs. */
  MR_STREAMS_STILL_RUNNING: { retryable: true },
  /** What was closed cannot be used. */
  MR_STREAMS_CLOSED: { retryable: false },
} as const

export type StreamsErrorCode = keyof typeof streamsErrors

/** An error's text with a full stop behind it, for a message that goes on. */
export function sentenceOf(error: unknown): string {
  const text = String(error)
  return /[.!?]$/.test(text) ? text : `${text}.`
}

export class StreamsError extends MillraceError<StreamsErrorCode> {
  constructor(
    code: StreamsErrorCode,
    message: string,
    details?: Readonly<Record<string, unknown>>,
    options?: ErrorOptions,
  ) {
    super(code, streamsErrors[code].retryable, message, details, options)
  }
}
