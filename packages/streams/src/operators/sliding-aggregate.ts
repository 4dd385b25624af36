import type { Forward, OperatorSupplier } from '../operator.ts'
import { noHeaders, type Headers } from '../record.ts'
import type { ValueAndTimestamp } from '../state/store.ts'
import type { TimestampedWindowStore } from '../state/window-store.ts'
import type { SlidingWindows } from '../windows.ts'
import type { WindowedAggregation } from './window-aggregate.ts'
import { closeEmitter } from './close-emitter.ts'
import { idleWatch, type IdleWatch } from './idle-watch.ts'
import { forwardLate, forwardResults } from './late-records.ts'
import { keptTime } from './kept-time.ts'
import { WindowedOutput } from './windowed-output.ts'

/** The record that a sliding step works on. */
interface Under<K, V> {
  readonly key: K
  readonly value: V
  readonly timestamp: number
  readonly headers: Headers
  readonly closeMs: number
}

/** What a window's new value is made from. */
interface From<A> {
  /** For the aggregator, which may change it. */
  readonly value: A | null
  /** The same, left as it was. */
  readonly oldValue: A | null
  readonly timestamp: number
}

/** What a walk over a key's windows near a record found. */
interface Neighbours<A> {
  /** Starts of the windows met. */
  readonly starts: Set<number>
  /** Aggregate of the records before this one that the window ending at it will hold too. */
  left: From<A> | undefined
  /** Aggregate that holds the records after this one. */
  right: ValueAndTimestamp<A> | undefined
  hasLeft: boolean
  hasRight: boolean
  previousMs: number | undefined
}

/**
 * A value per key and sliding window. Windows exist only where their records differ: `[t - d, t]` and `[t + 1, t + 1 + d]` of a record's
 * time t; a record changes the windows that hold it and makes up to three (trap 11).
 * @see Kafka Streams `KStreamSlidingWindowAggregate`; KIP-450
 */
export function slidingAggregateOperator<K, V, A>(
  windows: SlidingWindows,
  aggregation: WindowedAggregation<K, V, A>,
): OperatorSupplier<K, V> {
  const { storeName } = aggregation
  const { differenceMs, graceMs } = windows
  return () => {
    let store: TimestampedWindowStore<K, A>
    let output: WindowedOutput<K, A>
    let sliding: SlidingUpdate<K, V, A>
    let countDropped: () => void
    let late: Forward | undefined
    let observedMs = -1
    let idle: IdleWatch | undefined
    const close = (closeMs: number, headers: Headers, when: 'before' | 'after' | 'idle'): void =>
      output.close(store, closeMs, headers, when, (emittedMs) => {
        const toMs = closeMs - differenceMs - 1
        if (toMs < 0) return undefined
        return [emittedMs === -1 ? 0 : Math.max(0, emittedMs - differenceMs), toMs]
      })
    return {
      init(context) {
        store = context.store(storeName) as TimestampedWindowStore<K, A>
        const closed = closeEmitter(context, aggregation)
        const results = forwardResults(context, aggregation.outlets)
        const { sendsOldValues } = aggregation.step
        output = new WindowedOutput(context, results, closed, { store, sendsOldValues })
        observedMs = Math.max(
          closed?.seenMs(graceMs) ?? -1,
          keptTime(context, aggregation.isCompatible, () => observedMs),
        )
        idle = idleWatch(context, aggregation, () => {
          if (observedMs < 0) return
          // Windows begin at a time seen, or before, and their ends are inclusive.
          observedMs += differenceMs + 1 + graceMs
          close(observedMs - graceMs, noHeaders, 'idle')
        })
        late = forwardLate(context, aggregation.outlets)
        countDropped = () => context.countDropped()
        sliding = new SlidingUpdate(differenceMs, aggregation, store, output, countDropped)
      },
      process(key, value, timestamp, headers) {
        if (key === null || value === null) return countDropped()
        idle?.touch()
        observedMs = Math.max(observedMs, timestamp)
        const closeMs = observedMs - graceMs
        // The first of its windows to close ends with it, or is that of the early records.
        if (Math.max(timestamp, differenceMs) < closeMs) late?.(key, value, timestamp, headers)
        if (timestamp + differenceMs < closeMs) return countDropped()
        const record = { key, value, timestamp, headers, closeMs }
        close(closeMs, headers, 'before')
        // Java's early records do not look for closed windows.
        if (timestamp < differenceMs) return sliding.early(record)
        sliding.take(record)
        close(closeMs, headers, 'after')
      },
    }
  }
}

/** Changes the windows of one record's key. */
class SlidingUpdate<K, V, A> {
  readonly #differenceMs: number
  readonly #aggregation: WindowedAggregation<K, V, A>
  readonly #store: TimestampedWindowStore<K, A>
  readonly #output: WindowedOutput<K, A>
  readonly #countDropped: () => void

  constructor(
    differenceMs: number,
    aggregation: WindowedAggregation<K, V, A>,
    store: TimestampedWindowStore<K, A>,
    output: WindowedOutput<K, A>,
    countDropped: () => void,
  ) {
    this.#differenceMs = differenceMs
    this.#aggregation = aggregation
    this.#store = store
    this.#output = output
    this.#countDropped = countDropped
  }

  /** Windows are met from the latest to the earliest, as Java does where its store can. */
  take(record: Under<K, V>): void {
    const { key, timestamp } = record
    const found: Neighbours<A> = {
      starts: new Set(),
      left: undefined,
      right: undefined,
      hasLeft: false,
      hasRight: false,
      previousMs: undefined,
    }
    // One more than the record's time, to meet its right window too.
    const fromMs = Math.max(0, timestamp - 2 * this.#differenceMs)
    for (const [startMs, stored] of this.#store.reverseFetchRange(key, fromMs, timestamp + 1)) {
      found.starts.add(startMs)
      const endMs = startMs + this.#differenceMs
      if (startMs === timestamp + 1) found.hasRight = true
      else if (endMs > timestamp) {
        found.right ??= stored
        this.#update(record, startMs, this.#from(key, startMs, stored))
      } else if (endMs === timestamp) {
        found.hasLeft = true
        this.#update(record, startMs, this.#from(key, startMs, stored))
        // Another record has this time: all windows it could make are there.
        if (stored.timestamp >= timestamp) return
        found.previousMs = stored.timestamp
      } else {
        found.left = this.#from(key, startMs, stored)
        found.previousMs = stored.timestamp
        break
      }
    }
    this.#create(record, found)
  }

  /** A record before the first whole window: `[0, d]` holds all of these, so that no window begins before 0. */
  early(record: Under<K, V>): void {
    const { key, timestamp } = record
    const starts = new Set<number>()
    let combined: ValueAndTimestamp<A> | undefined
    let right: ValueAndTimestamp<A> | undefined
    let hasRight = false
    for (const [startMs, stored] of this.#store.fetchRange(key, 0, timestamp + 1)) {
      starts.add(startMs)
      if (startMs === 0) combined = stored
      else if (startMs <= timestamp) {
        right = stored
        this.#update(record, startMs, this.#from(key, startMs, stored))
      } else hasRight = true
    }
    const previousMs = combined && combined.timestamp < timestamp ? combined.timestamp : undefined
    // Without a right window met, what is in the combined one is all earlier or all later than this record.
    if (combined && combined.timestamp > timestamp) right ??= combined
    if (!hasRight && right && right.timestamp > timestamp) this.#createRight(record, right)
    if (previousMs !== undefined && !starts.has(previousMs + 1))
      this.#update(record, previousMs + 1, this.#initial(record))
    this.#update(record, 0, combined ? this.#from(key, 0, combined) : this.#initial(record))
  }

  #create(record: Under<K, V>, found: Neighbours<A>): void {
    const { timestamp } = record
    const { previousMs, left, right } = found
    if (previousMs !== undefined) {
      const startMs = previousMs + 1
      if (!found.starts.has(startMs) && startMs + this.#differenceMs >= timestamp)
        this.#update(record, startMs, this.#initial(record))
    }
    if (!found.hasLeft) {
      const startMs = timestamp - this.#differenceMs
      const isEmpty = previousMs === undefined || startMs > previousMs || !left
      this.#update(record, startMs, isEmpty ? this.#initial(record) : { ...left, timestamp })
    }
    if (!found.hasRight && right && right.timestamp > timestamp) this.#createRight(record, right)
  }

  /** The window of the records after this one, which is not in it. */
  #createRight(record: Under<K, V>, right: ValueAndTimestamp<A>): void {
    const startMs = record.timestamp + 1
    this.#store.put(record.key, right.value, right.timestamp, startMs, record.headers)
    const endMs = startMs + this.#differenceMs
    this.#output.update(
      record.key,
      startMs,
      endMs,
      right.value,
      null,
      right.timestamp,
      record.headers,
    )
  }

  #initial({ timestamp }: Under<K, V>): From<A> {
    const { initialize } = this.#aggregation
    const value = initialize()
    return { value, oldValue: isShared(value) ? initialize() : value, timestamp }
  }

  /** An object is read once more: the one met in the walk goes into other windows too. */
  #from(key: K, startMs: number, { value, timestamp }: ValueAndTimestamp<A>): From<A> {
    const own = isShared(value) ? (this.#store.fetch(key, startMs)?.value ?? value) : value
    return { value: own, oldValue: value, timestamp }
  }

  #update(record: Under<K, V>, startMs: number, from: From<A>): void {
    const { key, value, timestamp, headers } = record
    const endMs = startMs + this.#differenceMs
    if (endMs < record.closeMs) return this.#countDropped()
    const { aggregate, step } = this.#aggregation
    const oldValue = step.sendsOldValues ? from.oldValue : null
    const newValue = aggregate(from.value, value, key)
    const newTimestamp = from.value === null ? timestamp : Math.max(timestamp, from.timestamp)
    this.#store.put(key, newValue, newValue === null ? timestamp : newTimestamp, startMs, headers)
    this.#output.update(key, startMs, endMs, newValue, oldValue, newTimestamp, headers)
  }
}

function isShared(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}
