import type { GlobalKTable } from '../dsl/global-table.ts'
import { StreamsError } from '../errors.ts'
import type { Forward, OperatorContext, OperatorSupplier } from '../operator.ts'
import {
  FixedKeyRecord,
  type FixedKeyProcessorSupplier,
  type ProcessingContext,
  type ProcessorSupplier,
} from '../processor.ts'
import type { StreamRecord } from '../record.ts'
import type { StoreBuilder } from '../state/store.ts'
import { isTimerStore, type Timer, type TimerStore } from '../state/timer-store.ts'
import { openTimers, type Timers } from './timers.ts'

/** Runs a user's processor as a node of a task. */
export function processorOperator<KIn, VIn, KOut, VOut>(
  supplier: ProcessorSupplier<KIn, VIn, KOut, VOut>,
): OperatorSupplier<KIn, VIn> {
  return () => {
    const processor = supplier()
    let task: OperatorContext['task']
    return {
      init(context) {
        task = context.task
        const forward = forwardOf(context)
        processor.init?.(
          Object.assign(withForward(context, forward), { timers: timersOf(context) }),
        )
      },
      process(key, value, timestamp, headers) {
        task.withRecord(timestamp, headers, () =>
          processor.process({ key, value, timestamp, headers }),
        )
      },
      close: () => processor.close?.(),
    }
  }
}

/** As `processorOperator`, for processors that cannot change the key. */
export function fixedKeyProcessorOperator<K, VIn, VOut>(
  supplier: FixedKeyProcessorSupplier<K, VIn, VOut>,
): OperatorSupplier<K, VIn> {
  return () => {
    const processor = supplier()
    let task: OperatorContext['task']
    return {
      init(context) {
        task = context.task
        const forward = forwardOf(context)
        const checked = (record: FixedKeyRecord<K, VOut>, child?: string): void => {
          if (!FixedKeyRecord.isGenuine(record)) throw keyChanged(context.nodeName)
          forward(record, child)
        }
        processor.init?.(withForward(context, checked))
      },
      process(key, value, timestamp, headers) {
        task.withRecord(timestamp, headers, () =>
          processor.process(FixedKeyRecord.of(key, value, timestamp, headers)),
        )
      },
      close: () => processor.close?.(),
    }
  }
}

/** The stores of timers are open by now; which steps go first, records or timers, is the task's business. */
function timersOf(context: OperatorContext) {
  return <K, P>(
    given: string | StoreBuilder<TimerStore<K, P>>,
    onTimer: (timer: Timer<K, P>) => void,
  ): Timers<K, P> => {
    const name = typeof given === 'string' ? given : given.name
    const store = context.store(name)
    if (!isTimerStore<K, P>(store))
      throw new StreamsError(
        'MR_STREAMS_UNKNOWN_STORE',
        `"${context.nodeName}" asks for timers in the store "${name}", which holds none. Make it with timerStore().`,
        { node: context.nodeName, store: name },
      )
    return openTimers(context, store, onTimer)
  }
}

function withForward<F>(
  context: OperatorContext,
  forward: F,
): ProcessingContext & { readonly forward: F } {
  const { task } = context
  return {
    applicationId: task.applicationId,
    taskId: task.taskId,
    get recordMetadata() {
      const { topic, partition, offset } = task.record
      return topic === undefined ? undefined : { topic, partition, offset }
    },
    get streamTime() {
      return task.streamTime
    },
    get wallClockTime() {
      return task.clock.now()
    },
    store: ((given: string | StoreBuilder | GlobalKTable<unknown, unknown>) =>
      context.store(storeNameOf(given))) as ProcessingContext['store'],
    schedule: (schedule, punctuate) => context.schedule(schedule, punctuate),
    requestCommit: () => task.requestCommit(),
    forward,
  }
}

function storeNameOf(given: string | StoreBuilder | GlobalKTable<unknown, unknown>): string {
  if (typeof given === 'string') return given
  return 'storeName' in given ? given.storeName : given.name
}

function forwardOf(
  context: OperatorContext,
): (record: StreamRecord<unknown, unknown>, child?: string) => void {
  const children = new Map<string, Forward>()
  const inletOf = (child: string): Forward => {
    const inlet = children.get(child) ?? context.forwardTo(child)
    children.set(child, inlet)
    return inlet
  }
  return ({ key, value, timestamp, headers }, child) => {
    if (!(Number.isSafeInteger(timestamp) && timestamp >= 0))
      throw new StreamsError(
        'MR_STREAMS_BAD_TIMESTAMP',
        `"${context.nodeName}" forwards a record with the timestamp ${timestamp}; it must be a whole number of ms, at least 0.`,
        { node: context.nodeName, timestamp },
      )
    const inlet = child === undefined ? context.forward : inletOf(child)
    inlet(key, value, timestamp, headers)
  }
}

function keyChanged(node: string): StreamsError {
  return new StreamsError(
    'MR_STREAMS_KEY_CHANGED',
    `"${node}" keeps keys as they are, but forwards a record that was not made from one it was given. Make it with record.withValue(), or use process() where the key is to be another.`,
    { node },
  )
}
