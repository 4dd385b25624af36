import type { Forward, Operator, OperatorSupplier } from '../operator.ts'

/** An operator without state: what it does with a record is all there is to it. `forward` leads to its children. */
export function eachRecord<K, V>(
  processing: (forward: Forward) => Operator<K, V>['process'],
): OperatorSupplier<K, V> {
  return () => {
    const operator: Operator<K, V> = {
      init(context) {
        operator.process = processing(context.forward)
      },
      process() {
        throw new Error('A record came before the operator was started.')
      },
    }
    return operator
  }
}
