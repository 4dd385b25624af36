import type { Forward, OperatorSupplier } from '../operator.ts'
import { noHeaders, type Change, type Headers } from '../record.ts'
import type { SessionStore } from '../state/session-store.ts'
import type { Window, Windowed } from '../windowed.ts'
import type { SessionWindows } from '../windows.ts'
import { closeEmitter, type CloseEmitter } from './close-emitter.ts'
import { idleWatch, type IdleWatch } from './idle-watch.ts'
import { keptTime } from './kept-time.ts'
import { forwardLate, forwardResults } from './late-records.ts'
import type { WindowedAggregation } from './window-aggregate.ts'

export interface SessionAggregation<K, V, A> extends WindowedAggregation<K, V, A> {
  /** Two sessions made one: the first is what came of those before, beginning with the initial value. */
  readonly merge: (left: A | null, right: A, key: K) => A | null
}

/**
 * A value per key and session. A record makes one session of itself and of those it comes near; these are deleted, each with a tombstone,
 * before the new one is sent. Results have the session's end as timestamp and no headers (traps 12 and 47).
 * @see Kafka Streams `KStreamSessionWindowAggregate`
 */
export function sessionAggregateOperator<K, V, A>(
  windows: SessionWindows,
  aggregation: SessionAggregation<K, V, A>,
): OperatorSupplier<K, V> {
  const { storeName, initialize, aggregate, merge, step } = aggregation
  const { gapMs, graceMs } = windows
  return () => {
    let forward: Forward
    let store: SessionStore<K, A>
    let closed: CloseEmitter | undefined
    let countDropped: () => void
    let late: Forward | undefined
    let observedMs = -1
    let idle: IdleWatch | undefined
    let isCached = false
    const update = (key: K, window: Window, newValue: A | null, oldValue: A | null): void => {
      if (closed || isCached) return
      const change: Change<A> = { newValue, oldValue: step.sendsOldValues ? oldValue : null }
      forward({ key, window }, change, window.endMs, noHeaders)
    }
    return {
      init(context) {
        forward = forwardResults(context, aggregation.outlets)
        late = forwardLate(context, aggregation.outlets)
        store = context.store(storeName) as SessionStore<K, A>
        closed = closeEmitter(context, aggregation)
        // A cache sends with the headers of the record (trap 47).
        isCached = store.onFlush(
          (windowed, change, _, headers, source) =>
            context.task.forwardAs(
              source,
              forward,
              windowed,
              change,
              windowed.window.endMs,
              headers,
            ),
          step.sendsOldValues,
        )
        observedMs = Math.max(
          closed?.seenMs(graceMs + gapMs) ?? -1,
          keptTime(context, aggregation.isCompatible, () => observedMs),
        )
        idle = idleWatch(context, aggregation, () => {
          if (!closed || observedMs < 0) return
          // Sessions end at a time seen, or before, and their ends are inclusive.
          observedMs += 1 + graceMs + gapMs
          emitClosed(closed, store, forward, observedMs - graceMs - gapMs, noHeaders)
        })
        countDropped = () => context.countDropped()
      },
      process(key, value, timestamp, headers) {
        if (key === null) return countDropped()
        idle?.touch()
        observedMs = Math.max(observedMs, timestamp)
        const closeMs = observedMs - graceMs - gapMs
        if (closed?.comesFirst) emitClosed(closed, store, forward, closeMs, headers)
        // What was sent is not taken up again.
        const earliestEndMs = closed?.comesFirst
          ? Math.max(timestamp - gapMs, closed.emittedMs)
          : timestamp - gapMs
        const met = [...store.findSessions(key, earliestEndMs, timestamp + gapMs)]
        let merged = initialize()
        // Read again where it is passed on: the merger may change what it is given.
        for (const [, each] of met) merged = merge(merged, each, key)
        const window = spanning(timestamp, met)
        if (window.endMs < closeMs) {
          countDropped()
          late?.(key, value, timestamp, headers)
        } else {
          if (window.startMs !== timestamp || window.endMs !== timestamp)
            for (const [{ window: old }] of met) {
              const oldValue = step.sendsOldValues
                ? (store.fetchSession(key, old.startMs, old.endMs) ?? null)
                : null
              store.remove(key, old, timestamp, headers)
              update(key, old, null, oldValue)
            }
          const newValue = aggregate(merged, value, key)
          store.put(key, window, newValue, timestamp, headers)
          update(key, window, newValue, null)
        }
        if (closed && !closed.comesFirst) emitClosed(closed, store, forward, closeMs, headers)
      },
    }
  }
}

function spanning(
  timestamp: number,
  met: readonly (readonly [Windowed<unknown>, unknown])[],
): Window {
  let startMs = timestamp
  let endMs = timestamp
  for (const [{ window }] of met) {
    startMs = Math.min(startMs, window.startMs)
    endMs = Math.max(endMs, window.endMs)
  }
  return { startMs, endMs }
}

/** Sends the sessions that ended before the close time; here the headers are those of the record that closed them. */
function emitClosed<K, A>(
  closed: CloseEmitter,
  store: SessionStore<K, A>,
  forward: Forward,
  closeMs: number,
  headers: Headers,
): void {
  if (!closed.isDue(closeMs)) return
  const fromMs = Math.max(0, closed.emittedMs)
  const toMs = closeMs - 1
  if (toMs < 0 || toMs < fromMs) return
  for (const [windowed, value] of store.findEndedSessions(fromMs, toMs)) {
    const change: Change<A> = { newValue: value, oldValue: null }
    forward(windowed, change, windowed.window.endMs, headers)
  }
  closed.emitted(closeMs)
}
