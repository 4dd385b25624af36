import type { JoinWindows } from '../join-windows.ts'
import type { Forward, OperatorContext, OperatorSupplier, TaskContext } from '../operator.ts'
import { noHeaders, type Headers } from '../record.ts'
import type { JoinWindowStore } from '../state/join-window-store.ts'
import type { JoinSideName, UnmatchedRow, UnmatchedStore } from '../state/unmatched-store.ts'
import type { StreamJoiner } from './stream-join.ts'

/** What both sides of a gated join know together in a task. */
export interface GatedJoinTime {
  /** Largest timestamp that either side has seen, -1 before the first. */
  streamTime: number
  /** No row of the side that waits has an earlier time; Infinity without one. */
  readonly firstWaiting: Record<JoinSideName, number>
}

/** Children by what they get; undefined where nobody wants it. */
export interface GatedJoinOutlets {
  readonly results: string
  readonly unmatched: Readonly<Record<JoinSideName, string | undefined>>
  /** Late records of the operator's own side. */
  readonly late: string | undefined
}

export interface GatedJoinSide<K> {
  readonly side: JoinSideName
  readonly windows: JoinWindows
  readonly otherStore: string
  /** Undefined where no record of either side has to wait. */
  readonly unmatchedStore: string | undefined
  /** Whether a record that finds no partner gives a result, by side. */
  readonly isOuter: Readonly<Record<JoinSideName, boolean>>
  readonly joiner: StreamJoiner<K>
  readonly outlets: GatedJoinOutlets
  readonly timeOf: (task: TaskContext) => GatedJoinTime
}

/** Gives both operators of a join in one task the same object. */
export function sharedGatedJoinTime(): (task: TaskContext) => GatedJoinTime {
  const times = new WeakMap<TaskContext, GatedJoinTime>()
  return (task) => {
    const known = times.get(task)
    // What waits when a task begins is not known: the first walk tells.
    const time = known ?? { streamTime: -1, firstWaiting: { left: -1, right: -1 } }
    if (!known) times.set(task, time)
    return time
  }
}

/**
 * A join whose grace is a gate, which Java's is not (trap 23). A record is open while the time that both sides have seen is not past its own time, the
 * reach of its window and the grace; only open records are joined. So each record with key and value is one of three: it was joined, or it is
 * given up once, when it is not open any more, or it was late when it came.
 */
export function gatedStreamJoinOperator<K, V>(options: GatedJoinSide<K>): OperatorSupplier<K, V> {
  const { side, windows, isOuter, outlets } = options
  const isLeft = side === 'left'
  const otherSide = isLeft ? 'right' : 'left'
  const aheadMs = { left: windows.afterMs, right: windows.beforeMs }
  const reachBackMs = isLeft ? windows.beforeMs : windows.afterMs
  const waits = isOuter[side] || outlets.unmatched[side] !== undefined
  const join = isLeft
    ? options.joiner
    : (own: unknown, other: unknown, key: K) => options.joiner(other, own, key)
  return () => {
    let forward: Forward
    let late: Forward | undefined
    let countDropped: () => void
    let time: GatedJoinTime
    let others: JoinWindowStore<K, unknown>
    let unmatched: UnmatchedStore<K, unknown, unknown> | undefined
    let giveUp: ((timestamp: number, headers: Headers) => void) | undefined
    const isOpen = (timestamp: number, of: JoinSideName): boolean =>
      timestamp + aheadMs[of] + windows.graceMs >= time.streamTime
    // The record under way: one function for all of them looks at its partners.
    let record: { key: K; value: V; timestamp: number; headers: Headers }
    let isJoined = false
    const onPartner = (other: unknown, otherTimestamp: number): void => {
      if (!isOpen(otherTimestamp, otherSide)) return
      isJoined = true
      const { key, value, timestamp, headers } = record
      unmatched?.deleteIfPresent({ timestamp: otherTimestamp, side: otherSide, key }, timestamp)
      forward(key, join(value, other, key), Math.max(timestamp, otherTimestamp), headers)
    }
    return {
      init(context) {
        forward = context.forwardTo(outlets.results)
        late = outlets.late === undefined ? undefined : context.forwardTo(outlets.late)
        countDropped = () => context.countDropped()
        time = options.timeOf(context.task)
        if (isLeft) time.streamTime = context.keepNumber('time', () => time.streamTime) ?? -1
        others = context.store(options.otherStore) as JoinWindowStore<K, unknown>
        if (options.unmatchedStore === undefined) return
        unmatched = context.store(options.unmatchedStore) as UnmatchedStore<K, unknown, unknown>
        giveUp = giverUp(context, unmatched, time, isOpen, options)
      },
      process(key, value, timestamp, headers) {
        time.streamTime = Math.max(time.streamTime, timestamp)
        // KIP-962: no key is no partner, which is a result of its own.
        if (isOuter[side] && key === null && value !== null)
          return forward(key, join(value, null, key), timestamp, headers)
        if (key === null || value === null) return countDropped()
        if (timestamp === time.streamTime) giveUp?.(timestamp, headers)
        if (!isOpen(timestamp, side)) {
          countDropped()
          return late?.(key, value, timestamp, headers)
        }
        record = { key, value, timestamp, headers }
        isJoined = false
        const fromMs = Math.max(0, timestamp - reachBackMs)
        others.visit(key, fromMs, timestamp + aheadMs[side], onPartner)
        if (isJoined || !waits || !unmatched) return
        time.firstWaiting[side] = Math.min(time.firstWaiting[side], timestamp)
        unmatched.append({ timestamp, side, key }, value, timestamp)
      },
    }
  }
}

/** Gives up the rows that are not open any more: in the order of the store, with their own times. */
function giverUp<K>(
  context: OperatorContext,
  store: UnmatchedStore<K, unknown, unknown>,
  time: GatedJoinTime,
  isOpen: (timestamp: number, side: JoinSideName) => boolean,
  { joiner, isOuter, outlets }: GatedJoinSide<K>,
): (timestamp: number, headers: Headers) => void {
  const results = context.forwardTo(outlets.results)
  const { left, right } = outlets.unmatched
  const given = {
    left: left === undefined ? undefined : context.forwardTo(left),
    right: right === undefined ? undefined : context.forwardTo(right),
  }
  const isDue = (side: JoinSideName): boolean =>
    time.firstWaiting[side] !== Infinity && !isOpen(time.firstWaiting[side], side)
  return (recordTimestamp, headers) => {
    if (!isDue('left') && !isDue('right')) return
    const first = { left: Infinity, right: Infinity }
    let done: UnmatchedRow<K> | undefined
    for (const { row, value } of store.entries()) {
      const { timestamp, side, key } = row
      if (isOpen(timestamp, side)) {
        first[side] = Math.min(first[side], timestamp)
        if (first.left !== Infinity && first.right !== Infinity) break
        continue
      }
      const own = value()
      if (isOuter[side])
        results(
          key,
          side === 'left' ? joiner(own, null, key) : joiner(null, own, key),
          timestamp,
          headers,
        )
      given[side]?.(key, own, timestamp, noHeaders)
      // A row goes when the next one is out, so that none is lost where giving one up fails.
      if (done && done !== row) store.delete(done, recordTimestamp)
      done = row
    }
    if (done) store.delete(done, recordTimestamp)
    Object.assign(time.firstWaiting, first)
  }
}
