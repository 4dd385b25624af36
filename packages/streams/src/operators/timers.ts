import { StreamsError } from '../errors.ts'
import type { OperatorContext } from '../operator.ts'
import { noHeaders, type RecordContext } from '../record.ts'
import type { Timer, TimerStore } from '../state/timer-store.ts'

/** Reminders of keys at times to come, which are kept like state. At most one for each key. */
export interface Timers<K, P> {
  /**
   * Has `onTimer` called once when the clock has come to `atMs`, at once where it has passed it; in place of the key's former timer.
   * @param atMs ms since the epoch, integer >= 0
   * @throws StreamsError `MR_STREAMS_BAD_TIMESTAMP`; `MR_STREAMS_NO_SERDE` for a payload without a serde
   */
  set(key: K, atMs: number, payload?: P): void
  /** Returns whether there was one. */
  cancel(key: K): boolean
  get(key: K): Timer<K, P> | undefined
}

/** Timers that go off in one turn of the task; the others wait for the next, which comes at once. */
const timersPerTurn = 1_000

/**
 * Lets a processor use a store of timers. Between two records of its task those that are due go off, the earliest first, each taken out of the
 * store right before it does: under exactly-once both, and what the processor does then, are one transaction.
 */
export function openTimers<K, P>(
  context: OperatorContext,
  store: TimerStore<K, P>,
  onTimer: (timer: Timer<K, P>) => void,
): Timers<K, P> {
  const { task, nodeName } = context
  const nowMs = (): number => (store.clock === 'STREAM_TIME' ? task.streamTime : task.clock.now())
  let left = timersPerTurn
  context.addAsyncStep({
    isFull: () => false,
    pendingCount: () => 0,
    begin: () => void (left = timersPerTurn),
    giveOne() {
      const timer = left > 0 ? store.takeDue(nowMs()) : undefined
      if (!timer) return false
      left--
      task.runAs(recordOf(timer), () => {
        try {
          onTimer(timer)
        } catch (error) {
          context.fail(error)
        }
      })
      return true
    },
  })
  return {
    set(key, atMs, payload) {
      if (!(Number.isSafeInteger(atMs) && atMs >= 0))
        throw new StreamsError(
          'MR_STREAMS_BAD_TIMESTAMP',
          `"${nodeName}" sets a timer to ${atMs}; it must be a whole number of ms since the epoch, at least 0.`,
          { node: nodeName, timestamp: atMs },
        )
      store.set(key, atMs, payload ?? null)
    },
    cancel: (key) => store.cancel(key),
    get: (key) => store.get(key),
  }
}

/** No record is under way when a timer goes off; changes get its time. */
function recordOf({ atMs }: Timer<unknown, unknown>): RecordContext {
  return {
    topic: undefined,
    partition: -1,
    offset: -1,
    timestamp: atMs,
    headers: noHeaders,
    rawKey: null,
    rawValue: null,
  }
}
