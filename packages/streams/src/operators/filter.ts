import type { Forward, OperatorSupplier } from '../operator.ts'

/** Passes on what the predicate takes. */
export function filterOperator<K, V>(
  predicate: (value: V, key: K) => boolean,
): OperatorSupplier<K, V> {
  return () => {
    let forward: Forward
    return {
      init: (context) => void (forward = context.forward),
      process(key, value, timestamp, headers) {
        if (predicate(value, key)) forward(key, value, timestamp, headers)
      },
    }
  }
}
