import type { JoinWindows } from '../join-windows.ts'
import type { OperatorContext } from '../operator.ts'
import type { Headers } from '../record.ts'
import type { UnmatchedRow, UnmatchedStore } from '../state/unmatched-store.ts'
import type { JoinTime } from './join-time.ts'
import type { StreamJoiner } from './stream-join.ts'

/** Walks over waiting rows are so far apart, ms of the wall clock; a test driver has no such throttle. */
const flushIntervalMs = 1000

export interface UnmatchedFlush<K> {
  readonly store: UnmatchedStore<K, unknown, unknown>
  readonly windows: JoinWindows
  /** How much later than a record of the side that flushes its partner may be, ms. */
  readonly reachAheadMs: number
  readonly joiner: StreamJoiner<K>
  readonly time: JoinTime
  readonly context: OperatorContext
}

/**
 * Gives up records that wait for a partner, once none can come any more (trap 21): in the order of the store, with their own time and the
 * headers of the record that made the time pass.
 *
 * When it walks is Java's doing, to the letter, since results show it: `firstWaiting` becomes the time of the last row that the walk came
 * to, also where an earlier one has to wait on. That one is then given up later than it could be.
 * @see Kafka Streams `KStreamKStreamJoin.emitNonJoinedOuterRecords`
 */
export function unmatchedFlush<K>({
  store,
  windows,
  reachAheadMs,
  joiner,
  time,
  context,
}: UnmatchedFlush<K>): (recordTimestamp: number, headers: Headers) => void {
  const { clock, isUnthrottled } = context.task
  const isOpen = ({ timestamp, side }: UnmatchedRow<K>): boolean => {
    const reachMs = side === 'left' ? windows.afterMs : windows.beforeMs
    return timestamp + reachMs + windows.graceMs >= time.streamTime
  }
  const forward = ({ timestamp, side, key }: UnmatchedRow<K>, value: unknown, headers: Headers) => {
    const result = side === 'left' ? joiner(value, null, key) : joiner(null, value, key)
    context.forward(key, result, timestamp, headers)
  }
  return (recordTimestamp, headers) => {
    if (!mayHaveEnded(time, reachAheadMs + windows.graceMs)) return
    if (!isUnthrottled) {
      const nowMs = clock.now()
      if (nowMs < time.nextFlushMs) return
      time.nextFlushMs = nowMs + flushIntervalMs
    }
    time.firstWaiting = Infinity
    const open = { left: false, right: false }
    let done: UnmatchedRow<K> | undefined
    for (const { row, value } of store.entries()) {
      time.firstWaiting = row.timestamp
      if (open.left && open.right) break
      if (isOpen(row)) {
        open[row.side] = true
        continue
      }
      forward(row, value(), headers)
      // A row goes when the next one is out, so that none is lost where giving one up fails.
      if (done && done !== row) store.delete(done, recordTimestamp)
      done = row
    }
    if (done) store.delete(done, recordTimestamp)
  }
}

/** While it is not known what waits, Java's sum with the largest long overflows, and it walks unless nothing is added. */
function mayHaveEnded({ firstWaiting, streamTime }: JoinTime, addedMs: number): boolean {
  return firstWaiting === Infinity ? addedMs > 0 : firstWaiting + addedMs < streamTime
}
