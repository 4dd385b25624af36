import type {
  Cancellable,
  FixedKeyProcessor,
  FixedKeyProcessorContext,
  FixedKeyRecord,
  KeyValueStore,
  Processor,
  ProcessorContext,
  PunctuationType,
  Schedule,
  StreamRecord,
  TimestampedKeyValueStore,
  WindowStore,
} from '@millrace/streams'
import { text, throwOnX } from './functions.ts'
import type { Step } from './scenario.ts'

type Context = ProcessorContext<unknown, unknown>
type Taken = StreamRecord<unknown, unknown>
type Made = (step: Step) => Processor<unknown, unknown, unknown, unknown>
type FixedContext = FixedKeyProcessorContext<unknown, unknown>
type FixedTaken = FixedKeyRecord<unknown, unknown>
type FixedMade = (step: Step) => FixedKeyProcessor<unknown, unknown, unknown>

/** Processors by name; java/Processors.java has the same. What they use beside the record stands in their step. */
export const processors: Readonly<Record<string, Made>> = {
  pass: made((record, context) => context.forward(record)),
  nothing: made(() => {}),
  twice: made((record, context) => {
    const { key, value, timestamp, headers } = record
    context.forward(record)
    context.forward({
      key: text(key).toUpperCase(),
      value: `${text(value)}2`,
      timestamp: timestamp + 10,
      headers: [...headers, { key: 'added', value: Buffer.from('yes') }],
    })
    context.forward(record)
  }),
  later: made((record, context) =>
    context.forward({ ...record, timestamp: record.timestamp + 100, headers: [] }),
  ),
  toChild: made((record, context) => {
    const [child, value] = text(record.value).split(':')
    if (value === undefined) context.forward(record)
    else context.forward({ ...record, value }, child)
  }),
  metadata: made((record, context) => {
    const { recordMetadata: at, streamTime, wallClockTime, taskId, applicationId } = context
    // In a punctuator Java shows a record without a topic; ours shows none.
    const from = at ? `${at.topic}/${at.partition}@${at.offset}` : 'null/-1@-1'
    const value = `${from} stream ${streamTime} wall ${wallClockTime} task ${taskId} app ${applicationId}`
    context.forward({ ...record, value })
  }),
  count: made((record, context, step) => {
    const store = storeOf<number>(step, context)
    if (record.value === null)
      return context.forward({
        ...record,
        value: `deleted ${store.delete(record.key) ?? 'null'}`,
      })
    const count = (store.get(record.key) ?? 0) + 1
    store.put(record.key, count)
    context.forward({ ...record, value: String(count) })
  }),
  latest: made((record, context, step) => {
    const store = context.store<TimestampedKeyValueStore<unknown, unknown>>(storeName(step))
    const before = store.get(record.key)
    store.put(record.key, record.value, record.timestamp + 1)
    const value = before ? `${text(before.value)}@${before.timestamp}` : 'none'
    context.forward({ ...record, value })
  }),
  walk: made(walk),
  first: made((record, context, step) => {
    const before = storeOf(step, context).putIfAbsent(record.key, record.value)
    context.forward({ ...record, value: text(before ?? null) })
  }),
  hold: made(
    (record, context, step) => storeOf(step, context).put(record.key, record.value),
    (context, step) =>
      void context.schedule(scheduleOf(step), (time) => {
        const store = storeOf(step, context)
        for (const [key, value] of store.range()) {
          context.forward({ key, value: `${text(value)}@${time}`, timestamp: time, headers: [] })
          store.delete(key)
        }
      }),
  ),
  ticks: made((record, context) => context.forward(record), scheduleTicks),
  put: made((record, context, step) => storeOf(step, context).put(record.key, record.value)),
  look: made((record, context, step) => {
    const store = storeOf(step, context)
    const rows = [...store.range()].map(([key, value]) => `${text(key)}=${text(value)}`)
    const value = `${text(store.get(record.value) ?? null)} of ${rows.join(' ')}`
    context.forward({ ...record, value })
  }),
  slots: made((record, context, step) => {
    const store = context.store<WindowStore<unknown, unknown>>(storeName(step))
    const startMs = record.timestamp - (record.timestamp % 10)
    const before = store.fetch(record.key, startMs)
    store.put(record.key, record.value, startMs)
    const rows = [...store.fetchAll(0, 1_000_000)].map(
      ([{ key, window }, value]) => `${text(key)}@${window.startMs}-${window.endMs}=${text(value)}`,
    )
    const own = [...store.fetchRange(record.key, 0, 1_000_000)].map(
      ([at, value]) => `${at}=${text(value)}`,
    )
    const value = `${text(before ?? null)} of ${rows.join(' ')}, own ${own.join(' ')}`
    context.forward({ ...record, value })
  }),
  throwAfterPut: made((record, context, step) => {
    storeOf(step, context).put(record.key, record.value)
    throwOnX(record.value)
    context.forward(record)
  }),
  throwAfterForward: made((record, context) => {
    context.forward(record)
    throwOnX(record.value)
    context.forward(record)
  }),
  throwInPunctuator: made(
    (record, context) => context.forward(record),
    (context, step) =>
      void context.schedule(scheduleOf(step), (time) => {
        context.forward({ key: 'tick', value: 'before', timestamp: time, headers: [] })
        throwOnX('x')
      }),
  ),
  throwInInit: made(
    (record, context) => context.forward(record),
    () => void throwOnX('x'),
  ),
  negative: made((record, context) =>
    context.forward({ ...record, timestamp: record.timestamp - 10 }),
  ),
  unknownStore: made((_, context) => void context.store('unknown')),
}

export const fixedKeyProcessors: Readonly<Record<string, FixedMade>> = {
  upper: madeFixed((record, context) =>
    context.forward(record.withValue(text(record.value).toUpperCase())),
  ),
  count: madeFixed((record, context, step) => {
    const store = context.store<KeyValueStore<unknown, number>>(storeName(step))
    const count = (store.get(record.key) ?? 0) + 1
    store.put(record.key, count)
    context.forward(record.withValue(String(count)).withTimestamp(record.timestamp + count))
  }),
  later: (step) => {
    let last: FixedTaken | undefined
    return {
      init: (context) =>
        void context.schedule(scheduleOf(step), (time) => {
          if (last) context.forward(last.withValue(`${text(last.value)}@${time}`))
        }),
      process: (record) => void (last = record),
    }
  },
  throwOnX: madeFixed((record, context) => {
    throwOnX(record.value)
    context.forward(record)
  }),
}

function made(
  process: (record: Taken, context: Context, step: Step) => void,
  init: (context: Context, step: Step) => void = () => {},
): Made {
  return (step) => {
    let context: Context
    return {
      init(given) {
        context = given
        init(given, step)
      },
      process: (record) => process(record, context, step),
    }
  }
}

function madeFixed(
  process: (record: FixedTaken, context: FixedContext, step: Step) => void,
): FixedMade {
  return (step) => {
    let context: FixedContext
    return {
      init: (given) => void (context = given),
      process: (record) => process(record, context, step),
    }
  }
}

function walk(record: Taken, context: Context, step: Step): void {
  const store = storeOf(step, context)
  store.put(record.key, record.value)
  const forward = (name: string, entries: Iterable<[unknown, unknown]>): void => {
    const shown = [...entries].map(([key, value]) => ` ${text(key)}=${text(value)}`)
    context.forward({ ...record, value: `${name}:${shown.join('')}` })
  }
  forward('all', store.range())
  forward('reverse', store.reverseRange())
  forward('b to d', store.range('b', 'd'))
  forward('to c', store.range(undefined, 'c'))
  forward('from c', store.range('c'))
  forward('reverse b to d', store.reverseRange('b', 'd'))
  forward('a*', store.prefixScan(Buffer.from('a')))
  context.forward({ ...record, value: `about ${store.approximateEntryCount}` })
}

function scheduleTicks(context: Context, step: Step): void {
  const count = Number(step['count'] ?? 1)
  const cancelAfter = Number(step['cancelAfter'] ?? Number.POSITIVE_INFINITY)
  for (let at = 0; at < count; at++) {
    let calls = 0
    const schedule: Cancellable = context.schedule(scheduleOf(step), (time) => {
      calls++
      const value = `${calls} stream ${context.streamTime}`
      context.forward({ key: `tick${at}`, value, timestamp: time, headers: [] })
      if (calls >= cancelAfter) schedule.cancel()
    })
  }
}

function scheduleOf(step: Step): Schedule {
  const [intervalMs, startMs] = [step['everyMs'] as number, step['startMs'] as number | undefined]
  const type = step['type'] as PunctuationType
  return startMs === undefined ? { intervalMs, type } : { intervalMs, type, startMs }
}

function storeName(step: Step): string {
  const [name] = (step['stores'] ?? []) as readonly string[]
  return (step['global'] ?? name) as string
}

function storeOf<V = unknown>(step: Step, context: Context): KeyValueStore<unknown, V> {
  return context.store<KeyValueStore<unknown, V>>(storeName(step))
}
