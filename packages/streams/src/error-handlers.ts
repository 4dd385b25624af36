import { silentLogger, type LogFields, type Logger } from '@millrace/core'
import type { StreamsError } from './errors.ts'
import type { Headers, RecordContext } from './record.ts'

/** `CONTINUE` leaves the record out there and goes on, `FAIL` stops the task. */
export type ErrorDecision = 'CONTINUE' | 'FAIL'

/** For a record that the broker did not take there is also `RETRY`: the task begins again from what was committed. */
export type ProductionDecision = ErrorDecision | 'RETRY'

/** A record for a dead letter topic; it is written with the task's other records, under exactly-once in their transaction. */
export interface DeadLetter {
  readonly topic: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly timestamp: number
  readonly headers: Headers
}

/**
 * A decision alone sends the record to the app's `deadLetterTopic`, if it has one. With `deadLetters`, these are written instead.
 */
export type ErrorAnswer<D extends ProductionDecision = ErrorDecision> =
  | D
  | { readonly decision: D; readonly deadLetters: readonly DeadLetter[] }

/**
 * Decides about a record that makes an error. `error.details` names node, topic, partition and offset, `error.cause` is what was thrown.
 * Must not throw: that stops the task whatever was meant.
 * @param record what the topology was given when it happened; without topic and bytes in a punctuator
 */
export type ErrorHandler = (error: StreamsError, record: RecordContext) => ErrorAnswer

/** As `ErrorHandler`, for records that cannot be turned into bytes or that the broker refuses. */
export type ProductionErrorHandler = (
  error: StreamsError,
  record: RecordContext,
) => ErrorAnswer<ProductionDecision>

/** What a task does about errors. Each handler's default is `FAIL`. */
export interface ErrorHandling {
  /** Keys or values of a topic that their serdes do not understand. */
  readonly onDeserializationError?: ErrorHandler
  /** Functions of the topology, processors and punctuators that threw. */
  readonly onProcessingError?: ErrorHandler
  /** Records that cannot be turned into bytes or be written. */
  readonly onProductionError?: ProductionErrorHandler
  /**
   * Where the bytes of a record go that made an error, with headers that say what happened (KIP-1034), both when it is left out and when
   * the task stops. None by default.
   */
  readonly deadLetterTopic?: string
}

/** Logs a warning and goes on without the record. */
export function logAndContinue(logger: Logger = silentLogger): ErrorHandler {
  return (error) => {
    logger.warn('A record was left out because of an error.', fieldsOf(error))
    return 'CONTINUE'
  }
}

/** Logs an error and stops the task. */
export function logAndFail(logger: Logger = silentLogger): ErrorHandler {
  return (error) => {
    logger.error('A task stops because of an error.', fieldsOf(error))
    return 'FAIL'
  }
}

/** The message may quote the record; the details name it, and are all that is logged. */
function fieldsOf(error: StreamsError): LogFields {
  return { ...error.details, code: error.code }
}
