import { StreamsError } from '../errors.ts'
import type { Forward, OperatorContext, OperatorSupplier } from '../operator.ts'
import type { Change, RecordContext } from '../record.ts'
import type { SuppressBuffer } from '../state/suppress-buffer.ts'
import { keptTime } from './kept-time.ts'
import type { TableView } from './table-view.ts'

/** How long updates are held back, and what happens where they become too many. */
export interface SuppressRule<K> {
  /** When an update would be due without waiting, ms. */
  readonly bufferTimeMs: (key: K, timestamp: number) => number
  /** How long after that it goes, ms of stream time. */
  readonly waitMs: number
  readonly maxRecords: number
  readonly maxBytes: number
  readonly whenFull: 'emitEarly' | 'shutDown'
  /** Deletions of what was never sent are left out. */
  readonly dropsTombstones: boolean
  /** Begins without a time after each restart, as Java does. */
  readonly isCompatible: boolean
}

/**
 * Holds a table's updates back until the time that this step has seen is past theirs; of several of one key the last one goes, with its
 * own timestamp and headers.
 * @see Kafka Streams `KTableSuppressProcessorSupplier` (trap 16)
 */
export function suppressOperator<K, V>(
  storeName: string,
  rule: SuppressRule<K>,
): OperatorSupplier<K, Change<V>> {
  const { waitMs, maxRecords, maxBytes } = rule
  return () => {
    let context: OperatorContext
    let forward: Forward
    let buffer: SuppressBuffer<K, V>
    let observedMs = -1
    const release = (key: K, change: Change<V>, record: RecordContext): void => {
      if (change.newValue === null && rule.dropsTombstones) return
      context.task.runAs(record, () => forward(key, change, record.timestamp, record.headers))
    }
    const isOver = (): boolean => buffer.recordCount > maxRecords || buffer.sizeBytes > maxBytes
    return {
      init(given) {
        context = given
        forward = given.forward
        buffer = given.store(storeName) as SuppressBuffer<K, V>
        observedMs = keptTime(given, rule.isCompatible, () => observedMs)
      },
      process(key, change, timestamp, headers) {
        observedMs = Math.max(observedMs, timestamp)
        // Without the source's bytes, which would be held in memory and counted nowhere.
        const record = { ...context.task.record, timestamp, headers, rawKey: null, rawValue: null }
        buffer.put(rule.bufferTimeMs(key, timestamp), key, change, record)
        buffer.releaseWhile(() => buffer.firstTimeMs <= observedMs - waitMs, release)
        if (!isOver()) return
        if (rule.whenFull === 'shutDown') throw full(context.nodeName, buffer, rule)
        buffer.releaseWhile(isOver, release)
      },
    }
  }
}

/** A table as it is after suppression: of a key that waits, what was told before. The timestamp of that is not known (-1). */
export function suppressedView<K, V>(storeName: string, parent: TableView<K, V>): TableView<K, V> {
  return {
    stores: [storeName, ...parent.stores],
    open(context) {
      const before = parent.open(context)
      const buffer = context.store(storeName) as SuppressBuffer<K, V>
      return {
        get(key) {
          const prior = buffer.priorValue(key)
          if (!prior) return before.get(key)
          return prior.value === null ? undefined : { value: prior.value, timestamp: -1 }
        },
      }
    },
  }
}

function full<K, V>(
  name: string,
  { recordCount, sizeBytes }: SuppressBuffer<K, V>,
  { maxRecords, maxBytes }: SuppressRule<K>,
): StreamsError {
  return new StreamsError(
    'MR_STREAMS_BUFFER_FULL',
    `"${name}" holds back ${recordCount} records of ${sizeBytes} bytes; it may hold ${maxRecords} records and ${maxBytes} bytes, and was told to stop then. Allow it more, shorten the wait, or let it emit early.`,
    { name, recordCount, sizeBytes, maxRecords, maxBytes },
  )
}
