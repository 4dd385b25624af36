import type { OperatorSupplier } from '../operator.ts'
import { eachRecord } from './each-record.ts'

/** Shows each record to the action and passes it on. */
export function peekOperator<K, V>(action: (value: V, key: K) => void): OperatorSupplier<K, V> {
  return eachRecord((forward) => (key, value, timestamp, headers) => {
    action(value, key)
    forward(key, value, timestamp, headers)
  })
}

/** Gives each record to the action; nothing comes after it. */
export function forEachOperator<K, V>(action: (value: V, key: K) => void): OperatorSupplier<K, V> {
  return () => ({ process: (key, value) => action(value, key) })
}

/** Passes on what comes from any of several parents. */
export function mergeOperator(): OperatorSupplier {
  return eachRecord((forward) => forward)
}
