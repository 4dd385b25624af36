import type { Forward, OperatorSupplier } from '../operator.ts'

/** Gives each record to the child of the first predicate that takes it, and to none where none does. */
export function branchOperator<K, V>(
  branches: readonly {
    readonly child: string
    readonly predicate: (value: V, key: K) => boolean
  }[],
): OperatorSupplier<K, V> {
  return () => {
    let forwards: readonly Forward[]
    return {
      init: (context) => void (forwards = branches.map(({ child }) => context.forwardTo(child))),
      process(key, value, timestamp, headers) {
        const at = branches.findIndex(({ predicate }) => predicate(value, key))
        forwards[at]?.(key, value, timestamp, headers)
      },
    }
  }
}
