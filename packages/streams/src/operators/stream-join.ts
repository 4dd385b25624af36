import type { JoinWindows } from '../join-windows.ts'
import type { Forward, OperatorSupplier, TaskContext } from '../operator.ts'
import type { Headers } from '../record.ts'
import type { JoinWindowStore } from '../state/join-window-store.ts'
import type { JoinSideName, UnmatchedStore } from '../state/unmatched-store.ts'
import { keepJoinTime, type JoinTime } from './join-time.ts'
import { unmatchedFlush } from './unmatched-flush.ts'

/** Makes a result; null stands for a partner that did not come. */
export type StreamJoiner<K> = (left: unknown, right: unknown, key: K) => unknown

/** One side of a join of two streams. */
export interface StreamJoinSide<K> {
  readonly side: JoinSideName
  readonly windows: JoinWindows
  /** Where the other side's records are. */
  readonly otherStore: string
  /** Undefined for an inner join. */
  readonly unmatchedStore: string | undefined
  /** Whether a record of this side that finds no partner gives a result. */
  readonly isOuter: boolean
  readonly joiner: StreamJoiner<K>
  readonly timeOf: (task: TaskContext) => JoinTime
  /** Begins without a time after each restart, as Java does. */
  readonly isCompatible: boolean
}

/**
 * Joins a record with those of the other side that are in its window, whose bounds are inclusive (trap 18). The result has the later of
 * both times and the headers of the record that came last.
 * @see Kafka Streams `KStreamKStreamJoin`
 */
export function streamJoinOperator<K, V>(options: StreamJoinSide<K>): OperatorSupplier<K, V> {
  const { side, windows, isOuter, timeOf } = options
  const isLeft = side === 'left'
  const reachBackMs = isLeft ? windows.beforeMs : windows.afterMs
  const reachAheadMs = isLeft ? windows.afterMs : windows.beforeMs
  const otherSide = isLeft ? 'right' : 'left'
  const join = isLeft
    ? options.joiner
    : (own: unknown, other: unknown, key: K) => options.joiner(other, own, key)
  return () => {
    let forward: Forward
    let countDropped: () => void
    let time: JoinTime
    let others: JoinWindowStore<K, unknown>
    let unmatched: UnmatchedStore<K, unknown, unknown> | undefined
    let flush: ReturnType<typeof unmatchedFlush<K>> | undefined
    // The record under way: one function for all of them looks at its partners.
    let record: { key: K; value: V; timestamp: number; headers: Headers }
    const onPartner = (other: unknown, otherTimestamp: number): void => {
      const { key, value, timestamp, headers } = record
      unmatched?.deleteIfPresent({ timestamp: otherTimestamp, side: otherSide, key }, timestamp)
      forward(key, join(value, other, key), Math.max(timestamp, otherTimestamp), headers)
    }
    return {
      init(context) {
        forward = context.forward
        countDropped = () => context.countDropped()
        time = timeOf(context.task)
        if (isLeft && !options.isCompatible) keepJoinTime(context, time)
        others = context.store(options.otherStore) as JoinWindowStore<K, unknown>
        if (options.unmatchedStore === undefined) return
        unmatched = context.store(options.unmatchedStore) as UnmatchedStore<K, unknown, unknown>
        flush = unmatchedFlush({ ...options, store: unmatched, reachAheadMs, time, context })
      },
      process(key, value, timestamp, headers) {
        time.streamTime = Math.max(time.streamTime, timestamp)
        // KIP-962: no key is no partner, which is a result of its own.
        if (isOuter && key === null && value !== null)
          return forward(key, join(value, null, key), timestamp, headers)
        if (key === null || value === null) return countDropped()
        if (timestamp === time.streamTime) flush?.(timestamp, headers)
        const fromMs = Math.max(0, timestamp - reachBackMs)
        const toMs = Math.max(0, timestamp + reachAheadMs)
        record = { key, value, timestamp, headers }
        if (others.visit(key, fromMs, toMs, onPartner) > 0 || !isOuter) return
        // Waiting would be in vain: a partner that still comes makes a second result (trap 23).
        if (!unmatched || toMs < time.streamTime)
          return forward(key, join(value, null, key), timestamp, headers)
        time.firstWaiting = Math.min(time.firstWaiting, timestamp)
        unmatched.append({ timestamp, side, key }, value, timestamp)
      },
    }
  }
}
