import type { Forward, OperatorSupplier } from '../operator.ts'
import type { Change } from '../record.ts'

/** The group and value that a table's row gets; null: the row is in no group. */
export type GroupSelector<K, V, KOut, VOut> = (
  value: V,
  key: K,
) => readonly [KOut | null, VOut | null] | null

/**
 * Sends a table's update to the groups of the row as it was and as it is: first what is to be taken away, then what is to be added. A row
 * that stays in its group is one record with both (KIP-904), so that the group never shows the state between.
 */
export function tableRepartitionOperator<K, V, KOut, VOut>(
  selector: GroupSelector<K, V, KOut, VOut>,
  isSameKey: (left: KOut, right: KOut) => boolean,
): OperatorSupplier<K, Change<V>> {
  const select = (value: V | null, key: K): readonly [KOut, VOut] | null => {
    const pair = value === null ? null : selector(value, key)
    return pair && pair[0] !== null && pair[1] !== null ? [pair[0], pair[1]] : null
  }
  return () => {
    let forward: Forward
    return {
      init: (context) => void (forward = context.forward),
      process(key, change, timestamp, headers) {
        const added = select(change.newValue, key)
        const removed = select(change.oldValue, key)
        const send = (group: KOut, newValue: VOut | null, oldValue: VOut | null): void =>
          forward(group, { newValue, oldValue } satisfies Change<VOut>, timestamp, headers)
        if (added && removed && isSameKey(added[0], removed[0])) {
          send(removed[0], added[1], removed[1])
          return
        }
        if (removed) send(removed[0], null, removed[1])
        if (added) send(added[0], added[1], null)
      },
    }
  }
}
