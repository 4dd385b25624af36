import { StreamsError } from '../errors.ts'
import type { AsyncCallContext, AsyncFunction } from '../operators/async-call.ts'
import type { AsyncOrder } from '../operators/async-calls.ts'
import { mapAsyncOperator, type EmitResult } from '../operators/map-async.ts'
import { required, type Serde } from '../serde.ts'
import { pendingCallsStore } from '../state/pending-calls-store.ts'
import type { KStream } from './k-stream.ts'
import { storeOptions, type Named, type StoreOptions } from './options.ts'
import { GraphNode } from './stream-graph.ts'

/** How asynchronous calls are made. */
export interface AsyncOptions<K, V, R> extends Named {
  /** Calls of a task that run at the same time, integer >= 1. Default 16. */
  readonly concurrency?: number
  /**
   * `key` (the default): calls of one key run one after another, so that its results and what the calls do elsewhere keep their order; those of different
   * keys, and of records without a key, in any. `input`: calls run side by side, results leave in the order of the records. `none`: results leave as they come.
   */
  readonly order?: AsyncOrder
  /** Records of a task taken and not given on, above which it takes no more; integer >= `concurrency`. Default 4 × `concurrency`. */
  readonly maxPending?: number
  /** After which a call has failed, ms, integer >= 1. Default 30,000. */
  readonly timeoutMs?: number
  /** Further attempts after one that failed, with 0.1 to 10 s in between, growing. Default 0. */
  readonly retries?: number
  /** A result instead, where the last attempt has failed. What it throws, or the failure without it, goes to `onProcessingError`. */
  readonly onError?: (error: Error, value: V, key: K) => R
  /**
   * Keeps the records whose calls have not ended. Named `<name>-pending` unless it is given a name; its serdes are those of the records that come, by
   * default the stream's. It is in memory, whatever its type.
   */
  readonly store?: string | Omit<StoreOptions<K, V>, 'caching' | 'retentionMs' | 'type'>
}

export type { AsyncCallContext, AsyncOrder }

/** @internal */
export interface AsyncStep<K, V, KOut, VOut, R> {
  readonly prefix: string
  readonly call: AsyncFunction<K, V>
  readonly options: AsyncOptions<K, V, R>
  readonly emit: (name: string) => EmitResult<K>
  readonly key: Serde<KOut> | undefined
  readonly value: Serde<VOut> | undefined
  readonly isKeyChanging: boolean
}

/**
 * Adds a step that calls an asynchronous function, and the store of the calls under way.
 * @internal
 */
export function asyncStep<K, V, KOut, VOut, R>(
  stream: KStream<K, V>,
  step: AsyncStep<K, V, KOut, VOut, R>,
): KStream<KOut, VOut> {
  const { graph, node, sources, needsRepartition, key, value } = stream.parts
  const { options, isKeyChanging } = step
  const store = storeOptions<K, V>(options.store)
  const name = graph.nameOr(options.name, step.prefix)
  const storeName = store.name ?? `${name}-pending`
  if (store.name === undefined && options.name === undefined)
    graph.refuseAnonymous('state store', storeName, 'name')
  const limits = checkedLimits(name, options)
  const { logging } = store
  const asyncNode = new GraphNode(
    name,
    (topology, parents) => {
      const supplier = mapAsyncOperator<K, V>({
        ...limits,
        name,
        storeName,
        call: step.call,
        order: options.order ?? 'key',
        onError: options.onError,
        emit: step.emit(name),
      })
      topology.addProcessor({ name, parents, supplier })
      const pending = pendingCallsStore({
        name: storeName,
        key: required(store.key ?? key, 'key', name, 'store.key'),
        value: required(store.value ?? value, 'value', name, 'store.value'),
        isLogged: logging !== false,
        topicConfig: typeof logging === 'object' ? logging : {},
      })
      topology.addStateStore(pending, [name])
    },
    { isKeyChanging },
  )
  graph.add([node], asyncNode)
  return graph.make.stream({
    graph,
    node: asyncNode,
    name,
    key: step.key,
    value: step.value,
    sources,
    needsRepartition: needsRepartition || isKeyChanging,
  })
}

function checkedLimits<K, V, R>(name: string, options: AsyncOptions<K, V, R>) {
  const { concurrency = 16, timeoutMs = 30_000, retries = 0 } = options
  const { maxPending = 4 * concurrency } = options
  const bounds = [
    ['concurrency', concurrency, 1],
    ['maxPending', maxPending, concurrency],
    ['timeoutMs', timeoutMs, 1],
    ['retries', retries, 0],
  ] as const
  for (const [option, value, least] of bounds)
    if (!Number.isSafeInteger(value) || value < least)
      throw new StreamsError(
        'MR_STREAMS_BAD_OPTION',
        `"${name}" has ${option} ${value}; it must be a whole number, at least ${least}.`,
        { name, option, value },
      )
  return { concurrency, maxPending, timeoutMs, retries }
}
