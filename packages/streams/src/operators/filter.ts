import type { OperatorSupplier } from '../operator.ts'
import { eachRecord } from './each-record.ts'

/** Passes on what the predicate takes. */
export function filterOperator<K, V>(
  predicate: (value: V, key: K) => boolean,
): OperatorSupplier<K, V> {
  return eachRecord((forward) => (key, value, timestamp, headers) => {
    if (predicate(value, key)) forward(key, value, timestamp, headers)
  })
}
