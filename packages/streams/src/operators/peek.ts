import type { Forward, OperatorSupplier } from '../operator.ts'

/** Shows each record to the action and passes it on. */
export function peekOperator<K, V>(action: (value: V, key: K) => void): OperatorSupplier<K, V> {
  return () => {
    let forward: Forward
    return {
      init: (context) => void (forward = context.forward),
      process(key, value, timestamp, headers) {
        action(value, key)
        forward(key, value, timestamp, headers)
      },
    }
  }
}

/** Gives each record to the action; nothing comes after it. */
export function forEachOperator<K, V>(action: (value: V, key: K) => void): OperatorSupplier<K, V> {
  return () => ({ process: (key, value) => action(value, key) })
}

/** Passes on what comes from any of several parents. */
export function mergeOperator(): OperatorSupplier {
  return () => {
    let forward: Forward
    return {
      init: (context) => void (forward = context.forward),
      process: (key, value, timestamp, headers) => forward(key, value, timestamp, headers),
    }
  }
}
