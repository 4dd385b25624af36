import type { Emit } from '../operators/close-emitter.ts'
import type { Outlets } from '../operators/late-records.ts'
import { StreamsError } from '../errors.ts'
import { mergeOperator } from '../operators/peek.ts'
import type { OperatorSupplier } from '../operator.ts'
import type { StoreBuilder } from '../state/store.ts'
import type { KGroupedStream } from './k-grouped-stream.ts'
import type { KStream } from './k-stream.ts'
import { GraphNode } from './stream-graph.ts'

/** How a windowed aggregation sends what it makes, and what it leaves out. */
export interface WindowedOptions<K, V> {
  /**
   * `update` (the default): each change of a window is sent; `close`: each window once, when the grace after its end is over, which is seen
   * when a record comes.
   */
  readonly emit?: Emit
  /**
   * With `emit: 'close'`: after this long without a record of its partition, ms of the wall clock, integer >= 1, the windows that are open
   * close and are sent; up to a quarter of the time later. Records that come then and belong to them are late. Default: windows close when
   * a record shows that it is time. Not in Java (KIP-424 and KIP-539 are open).
   * @experimental
   */
  readonly closeIdleAfterMs?: number
  /**
   * Is given the stream of records that came too late for a window: each once, with its own timestamp and headers, also where other
   * windows took it. They are counted as dropped all the same. Not in Java; adds the nodes `<name>-results` and `<name>-late`.
   * @experimental
   */
  readonly late?: (records: KStream<K, V>) => void
}

/** @throws StreamsError `MR_STREAMS_BAD_OPTION` */
export function checkWindowedOptions<K, V>({
  emit,
  closeIdleAfterMs,
}: WindowedOptions<K, V>): void {
  if (closeIdleAfterMs === undefined) return
  if (!Number.isSafeInteger(closeIdleAfterMs) || closeIdleAfterMs < 1)
    throw new StreamsError(
      'MR_STREAMS_BAD_OPTION',
      `closeIdleAfterMs is ${closeIdleAfterMs}; it must be a whole number of ms, at least 1.`,
    )
  if (emit !== 'close')
    throw new StreamsError(
      'MR_STREAMS_BAD_OPTION',
      `closeIdleAfterMs is ${closeIdleAfterMs} ms, but windows are sent with each update. Set emit to 'close', or leave it out.`,
    )
}

/**
 * Adds the node of a windowed aggregation, and with it the stream of late records where one is wanted.
 * @internal
 */
export function addWindowedNode<K, V>(
  grouped: KGroupedStream<K, V>,
  step: {
    readonly name: string
    readonly storeName: string
    readonly isStoreNamed: boolean
    readonly graceMs: number
    readonly late: ((records: KStream<K, V>) => void) | undefined
    readonly make: (outlets: Outlets | undefined) => {
      readonly supplier: OperatorSupplier<K, V>
      readonly store: StoreBuilder
    }
  },
): { readonly node: GraphNode; readonly sources: ReadonlySet<string> } {
  const { graph, key, value } = grouped.parts
  const { name, late } = step
  const outlets = late && { results: `${name}-results`, late: `${name}-late` }
  const write: ConstructorParameters<typeof GraphNode>[1] = (topology, parents) => {
    const { supplier, store } = step.make(outlets)
    topology.addProcessor({ name, parents, supplier })
    topology.addStateStore(store, [name])
    if (outlets)
      topology.addProcessor({ name: outlets.results, parents: [name], supplier: mergeOperator() })
  }
  const node = new GraphNode(outlets?.results ?? name, write, { graceMs: step.graceMs })
  const { parent, sources } = grouped.partitionedParent(step.storeName, step.isStoreNamed)
  graph.add([parent], node)
  if (!outlets) return { node, sources }
  const lateNode = new GraphNode(outlets.late, (topology) => {
    topology.addProcessor({ name: outlets.late, parents: [name], supplier: mergeOperator() })
  })
  graph.add([node], lateNode)
  const parts = { graph, node: lateNode, name: outlets.late, key, value, sources }
  late?.(graph.make.stream({ ...parts, needsRepartition: false }))
  return { node, sources }
}
