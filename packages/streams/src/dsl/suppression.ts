import { StreamsError } from '../errors.ts'
import { suppressedView, suppressOperator, type SuppressRule } from '../operators/suppress.ts'
import type { TableView } from '../operators/table-view.ts'
import { required } from '../serde.ts'
import { suppressBuffer } from '../state/suppress-buffer.ts'
import type { Windowed } from '../windowed.ts'
import type { KTable, TableParts } from './k-table.ts'
import type { Named } from './options.ts'
import { GraphNode } from './stream-graph.ts'
import type { UpstreamTable } from './table-node.ts'

/** What a suppress step may hold. */
export interface SuppressLimits {
  /** Most keys that wait at a time. Default: no bound. */
  readonly maxRecords?: number
  /** Most bytes of keys, values, topics and headers that wait at a time. Default: no bound. */
  readonly maxBytes?: number
  /** false: what waits is lost with the process. An object gives the changelog topic settings of Kafka's. Default true. */
  readonly logging?: boolean | Readonly<Record<string, string>>
}

/** When updates of a table go on. Made by `untilWindowCloses` and `untilTimeLimit`. */
export interface Suppression<K> {
  readonly bufferTimeMs: (key: K, timestamp: number) => number
  /** Undefined: the grace of the windows above. */
  readonly waitMs: number | undefined
  readonly whenFull: 'emitEarly' | 'shutDown'
  readonly dropsTombstones: boolean
  readonly limits: SuppressLimits
}

/**
 * One result for each window, when the grace after its end is over: nothing more will change it. Full means that the task stops with
 * `MR_STREAMS_BUFFER_FULL`, since a result sent early would not be the last one.
 * @throws StreamsError `MR_STREAMS_BAD_OPTION` where a limit is not a whole number of at least 0
 * @see Kafka Streams `Suppressed.untilWindowCloses`
 */
export function untilWindowCloses(limits: SuppressLimits = {}): Suppression<Windowed<unknown>> {
  checkLimits(limits)
  return {
    bufferTimeMs: ({ window }) => window.endMs,
    waitMs: undefined,
    whenFull: 'shutDown',
    dropsTombstones: true,
    limits,
  }
}

/**
 * At most one result of a key within a time: the last of those that came since the first that waits.
 * @param waitMs ms of stream time, integer >= 0
 * @param options.whenFull `emitEarly` (the default): the oldest goes before its time; `shutDown`: the task stops
 * @throws StreamsError `MR_STREAMS_BAD_OPTION` where a number is out of its bounds
 * @see Kafka Streams `Suppressed.untilTimeLimit`
 */
export function untilTimeLimit(
  waitMs: number,
  options: SuppressLimits & { readonly whenFull?: 'emitEarly' | 'shutDown' } = {},
): Suppression<unknown> {
  check('waitMs', waitMs)
  checkLimits(options)
  return {
    bufferTimeMs: (_, timestamp) => timestamp,
    waitMs,
    whenFull: options.whenFull ?? 'emitEarly',
    dropsTombstones: false,
    limits: options,
  }
}

/** @internal of `KTable.suppress` */
export function suppressTable<K, V>(
  parts: TableParts<K, V>,
  suppression: Suppression<K>,
  options: Named,
): KTable<K, V> {
  const { graph, node: parent, key, value, sources, step: above } = parts
  const { limits } = suppression
  // Java takes no number here where a name is given.
  const name = options.name ?? graph.newProcessorName(prefix)
  const rule = { ...ruleOf(suppression, parent, name), isCompatible: graph.isCompatible }
  const storeName =
    options.name === undefined ? graph.newStoreName(prefix) : `${options.name}-store`
  const isLogged = limits.logging !== false
  if (options.name === undefined && isLogged)
    graph.refuseAnonymous('state store', storeName, 'name')
  const step = new SuppressedTableNode(above, storeName)
  const node = new GraphNode(name, (topology, parents) => {
    topology.addProcessor({ name, parents, supplier: suppressOperator(storeName, rule) })
    const buffer = suppressBuffer({
      name: storeName,
      key: required(key, 'key', name),
      value: required(value, 'value', name),
      isLogged,
      topicConfig: typeof limits.logging === 'object' ? limits.logging : {},
    })
    topology.addStateStore(buffer, [name])
  })
  graph.add([parent], node)
  return graph.make.table({ graph, node, name, key, value, sources, step })
}

/** The table after a suppress step. */
class SuppressedTableNode<K, V> implements UpstreamTable<K, V> {
  readonly #parent: UpstreamTable<K, V>
  readonly #storeName: string

  constructor(parent: UpstreamTable<K, V>, storeName: string) {
    this.#parent = parent
    this.#storeName = storeName
    // To say what downstream knows of a key that waits, the buffer needs what the key had before.
    parent.sendOldValues(true)
  }

  get sendsOldValues(): boolean {
    return this.#parent.sendsOldValues
  }

  sendOldValues(mayMaterialize = true): boolean {
    return this.#parent.sendOldValues(mayMaterialize)
  }

  view(): TableView<K, V> {
    return suppressedView(this.#storeName, this.#parent.view())
  }
}

function ruleOf<K>(
  suppression: Suppression<K>,
  parent: GraphNode,
  name: string,
): Omit<SuppressRule<K>, 'isCompatible'> {
  const { limits, waitMs = parent.windowGraceMs } = suppression
  if (waitMs === undefined)
    throw new StreamsError(
      'MR_STREAMS_BAD_TOPOLOGY',
      `"${name}" waits until windows close, but "${parent.name}" does not come from a windowed aggregation. Use untilTimeLimit, or suppress the windowed table.`,
      { name, parent: parent.name },
    )
  return {
    bufferTimeMs: suppression.bufferTimeMs,
    waitMs,
    maxRecords: limits.maxRecords ?? Infinity,
    maxBytes: limits.maxBytes ?? Infinity,
    whenFull: suppression.whenFull,
    dropsTombstones: suppression.dropsTombstones,
  }
}

function checkLimits({ maxRecords, maxBytes }: SuppressLimits): void {
  if (maxRecords !== undefined) check('maxRecords', maxRecords)
  if (maxBytes !== undefined) check('maxBytes', maxBytes)
}

function check(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 0) return
  throw new StreamsError(
    'MR_STREAMS_BAD_OPTION',
    `${name} of suppress is ${value}; it must be a whole number of at least 0.`,
    { name, value },
  )
}

const prefix = 'KTABLE-SUPPRESS-'
