import type { Forward, OperatorContext, OperatorSupplier } from '../operator.ts'
import type { PendingCall, PendingCallsStore } from '../state/pending-calls-store.ts'
import { callWithRetries, type AsyncAttempts } from './async-call.ts'
import { AsyncCalls, type AsyncOrder, type CallOutcome } from './async-calls.ts'

/** Gives on what a call returned. @throws where that is not what the step expects */
export type EmitResult<K> = (
  forward: Forward,
  call: PendingCall<K, unknown>,
  result: unknown,
) => void

export interface AsyncMapping<K, V> extends AsyncAttempts<K, V> {
  readonly storeName: string
  readonly concurrency: number
  readonly order: AsyncOrder
  readonly maxPending: number
  readonly emit: EmitResult<K>
}

/**
 * Calls a function for each record and gives on its result when it comes, with the record's timestamp and headers, as if that record were
 * under way. Until then the record is in a store, and the offset need not wait for it (decision 0008).
 */
export function mapAsyncOperator<K, V>(mapping: AsyncMapping<K, V>): OperatorSupplier<K, V> {
  return () => {
    const closing = new AbortController()
    let context: OperatorContext
    let store: PendingCallsStore<K, V>
    let calls: AsyncCalls<K, V>
    const finish = (call: PendingCall<K, V>, outcome: CallOutcome): void => {
      store.remove(call.sequence)
      context.task.runAs(call.record, () => {
        if (outcome.error) return context.fail(outcome.error)
        try {
          mapping.emit(context.forward, call, outcome.result)
        } catch (error) {
          context.fail(error)
        }
      })
    }
    return {
      init(given) {
        context = given
        store = given.store(mapping.storeName) as PendingCallsStore<K, V>
        const { clock } = given.task
        calls = new AsyncCalls({
          order: mapping.order,
          concurrency: mapping.concurrency,
          run: (call) => callWithRetries(mapping, call, clock, closing.signal),
          onEnd: () => given.task.wake(),
        })
        // What a former instance has begun, and nobody has ended.
        for (const call of store.pending()) calls.add(call)
        given.addAsyncStep({
          isFull: () => store.size >= mapping.maxPending,
          pendingCount: () => store.size,
          begin: () => calls.begin(),
          giveOne() {
            const ended = calls.takeEnded()
            if (!ended) return false
            finish(ended.call, ended.outcome)
            return true
          },
        })
      },
      process(key, value, timestamp, headers) {
        calls.add(store.add(key, value, { ...context.task.record, timestamp, headers }))
      },
      close: () => closing.abort(new Error(`The task of "${mapping.name}" leaves this instance.`)),
    }
  }
}
