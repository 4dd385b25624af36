import { toError } from '@millrace/core'
import type { DeadLetter } from '../error-handlers.ts'
import type { StreamsError } from '../errors.ts'
import type { RecordContext, RecordHeader } from '../record.ts'

/**
 * The record that goes to a dead letter topic: the bytes, timestamp and headers that the source had, and headers that say what happened
 * where. Records made by a punctuator have no source, so that topic, key and value are null.
 * @see KIP-1034; Kafka Streams `ExceptionHandlerUtils`, whose header names these are
 */
export function deadLetterOf(
  topic: string,
  error: StreamsError,
  record: RecordContext,
): DeadLetter {
  const thrown = toError(error.cause ?? error)
  return {
    topic,
    key: record.rawKey,
    value: record.rawValue,
    // What is undecodable may have any timestamp; a negative one could not be written.
    timestamp: Math.max(0, record.timestamp),
    headers: [
      ...record.headers,
      header('exception', thrown.constructor.name),
      header('message', thrown.message),
      header('stacktrace', thrown.stack ?? null),
      header('topic', record.topic ?? null),
      header('partition', String(record.partition)),
      header('offset', String(record.offset)),
    ],
  }
}

function header(name: string, value: string | null): RecordHeader {
  return {
    key: `__streams.errors.${name}`,
    value: value === null ? null : Buffer.from(value, 'utf8'),
  }
}
