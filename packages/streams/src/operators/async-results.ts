import { StreamsError } from '../errors.ts'
import type { EmitResult } from './map-async.ts'

/** Another key and value. */
export function emitPair<K>(name: string): EmitResult<K> {
  return (forward, { record }, result) => {
    if (!Array.isArray(result)) throw nothing(name, 'a pair [key, value]')
    forward(result[0], result[1], record.timestamp, record.headers)
  }
}

/** Another value; the key stays. */
export function emitValue<K>(): EmitResult<K> {
  return (forward, { key, record }, result) =>
    forward(key, result, record.timestamp, record.headers)
}

/** Any number of pairs. */
export function emitPairs<K>(name: string): EmitResult<K> {
  return (forward, { record }, result) => {
    if (!isIterable(result)) throw nothing(name, 'an iterable of pairs [key, value]')
    for (const [key, value] of result as Iterable<readonly [unknown, unknown]>)
      forward(key, value, record.timestamp, record.headers)
  }
}

/** Any number of values; the key stays. */
export function emitValues<K>(name: string): EmitResult<K> {
  return (forward, { key, record }, result) => {
    if (!isIterable(result)) throw nothing(name, 'an iterable of values')
    for (const value of result) forward(key, value, record.timestamp, record.headers)
  }
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value
}

function nothing(name: string, expected: string): StreamsError {
  return new StreamsError(
    'MR_STREAMS_PROCESSING_FAILED',
    `A call of "${name}" did not give ${expected}.`,
    { name },
  )
}
