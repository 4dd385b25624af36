import { StreamsError } from '../errors.ts'
import type { OperatorSupplier } from '../operator.ts'
import { eachRecord } from './each-record.ts'

/** Another key and value for each record. */
export function mapOperator<K, V>(
  mapper: (value: V, key: K) => readonly [unknown, unknown],
  name: string,
): OperatorSupplier<K, V> {
  return eachRecord((forward) => (key, value, timestamp, headers) => {
    const mapped = mapper(value, key) as readonly [unknown, unknown] | null | undefined
    if (!mapped) throw nothing(name, 'a pair [key, value]')
    forward(mapped[0], mapped[1], timestamp, headers)
  })
}

/** Another key for each record; the value stays. */
export function selectKeyOperator<K, V>(
  selector: (value: V, key: K) => unknown,
): OperatorSupplier<K, V> {
  return eachRecord((forward) => (key, value, timestamp, headers) => {
    forward(selector(value, key), value, timestamp, headers)
  })
}

/** Another value for each record; the key stays. */
export function mapValuesOperator<K, V>(
  mapper: (value: V, key: K) => unknown,
): OperatorSupplier<K, V> {
  return eachRecord((forward) => (key, value, timestamp, headers) => {
    forward(key, mapper(value, key), timestamp, headers)
  })
}

/** Any number of records for each one. */
export function flatMapOperator<K, V>(
  mapper: (value: V, key: K) => Iterable<readonly [unknown, unknown]>,
  name: string,
): OperatorSupplier<K, V> {
  return eachRecord((forward) => (key, value, timestamp, headers) => {
    const mapped = mapper(value, key) as Iterable<readonly [unknown, unknown]> | null | undefined
    if (!mapped) throw nothing(name, 'an iterable of pairs [key, value]')
    for (const [newKey, newValue] of mapped) forward(newKey, newValue, timestamp, headers)
  })
}

/** Any number of values for each one; the key stays. */
export function flatMapValuesOperator<K, V>(
  mapper: (value: V, key: K) => Iterable<unknown>,
  name: string,
): OperatorSupplier<K, V> {
  return eachRecord((forward) => (key, value, timestamp, headers) => {
    const mapped = mapper(value, key) as Iterable<unknown> | null | undefined
    if (!mapped) throw nothing(name, 'an iterable of values')
    for (const newValue of mapped) forward(key, newValue, timestamp, headers)
  })
}

function nothing(name: string, expected: string): StreamsError {
  return new StreamsError(
    'MR_STREAMS_PROCESSING_FAILED',
    `The function of "${name}" returned nothing where ${expected} is expected.`,
    { name },
  )
}
