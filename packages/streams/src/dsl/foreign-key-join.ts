import {
  foreignKeyAnswerOperator,
  foreignKeyUpdateOperator,
} from '../operators/foreign-key-answer.ts'
import { foreignKeyReceiveOperator } from '../operators/foreign-key-receive.ts'
import { foreignKeyResolveOperator } from '../operators/foreign-key-resolve.ts'
import { foreignKeySubscribeOperator } from '../operators/foreign-key-subscribe.ts'
import { tableSourceOperator } from '../operators/table.ts'
import type { OperatorSupplier } from '../operator.ts'
import { required, type Serde } from '../serde.ts'
import { subscriptionStoreBuilder } from '../state/subscription-store.ts'
import {
  subscriptionResponseSerde,
  subscriptionSerde,
  type SubscriptionResponse,
} from '../subscription-serde.ts'
import type { StreamPartitioner, Topology } from '../topology/topology.ts'
import type { KTable, TableParts } from './k-table.ts'
import { keyValueStoreOf, planStore, refuseUnnamed } from './store-plan.ts'
import { GraphNode, type StreamGraph } from './stream-graph.ts'
import type { TableJoinOptions } from './table-join.ts'
import { TableNode } from './table-node.ts'

/** How a join by foreign key is named, kept and spread over partitions. */
export interface ForeignKeyJoinOptions<K, KForeign, V> extends TableJoinOptions<K, V> {
  /**
   * Where rows of this table lie, if not by their keys' hash: one partition of each key, asked without a value, for the answers must come to where the
   * row is. Java's `TableJoined.withPartitioner`.
   */
  readonly partitioner?: StreamPartitioner<K, null>
  /** Where rows of the other table lie, if not by their keys' hash. Java's `TableJoined.withOtherPartitioner`. */
  readonly foreignPartitioner?: StreamPartitioner<KForeign, null>
}

export interface ForeignKeyJoin<K, V, KForeign, VForeign, VOut> {
  readonly left: TableParts<K, V>
  readonly right: TableParts<KForeign, VForeign>
  readonly foreignKeyOf: (value: V, key: K) => KForeign | null
  readonly joiner: (value: V | null, foreignValue: VForeign | null, key: K) => VOut | null
  readonly isLeft: boolean
  readonly options: ForeignKeyJoinOptions<K, KForeign, VOut>
}

/**
 * Rows of one table with the row of another that they name. A row subscribes, through a topic that is partitioned as the other table, to its
 * foreign key; that side remembers it and answers, then and at each change, through a topic partitioned as the first table.
 */
export function joinByForeignKey<K, V, KForeign, VForeign, VOut>(
  join: ForeignKeyJoin<K, V, KForeign, VForeign, VOut>,
): KTable<K, VOut> {
  const { left, right, options, isLeft } = join
  const { graph } = left
  right.step.sendOldValues(true)
  left.step.sendOldValues(true)
  const names = planNames(graph, options.name)
  const plan = planStore(
    graph,
    'KTABLE-FK-JOIN-OUTPUT-',
    options.store,
    { key: left.key, value: options.value },
    'later',
  )
  const foreignRows = right.step.view()
  const rows = left.step.view()
  const serdes = () => serdesOf(left, right, names.subscriptionTopic)
  const { partitioner, foreignPartitioner } = options

  const subscribe = chained(graph, [left.node], names.subscribe, (topology, parents) => {
    const { foreignKey, value } = serdes()
    const { foreignKeyOf } = join
    const subscribing = { foreignKeyOf, foreignKey, value, isLeft }
    const supplier: OperatorSupplier = foreignKeySubscribeOperator(subscribing)
    topology.addProcessor({ name: names.subscribe, parents, supplier })
  })
  const subscribed = throughTopic(graph, [subscribe], {
    topic: names.subscriptionTopic,
    sink: names.subscriptionSink,
    source: names.subscriptionSource,
    serdes: () => ({ key: serdes().foreignKey, value: subscriptionSerde(serdes().primaryKey) }),
    ...(foreignPartitioner && { partitioner: byKey(foreignPartitioner) }),
    copartitioned: right.sources,
  })
  const receive = chained(graph, [subscribed], names.receive, (topology, parents) => {
    const { primaryKey, foreignKey } = serdes()
    const supplier = foreignKeyReceiveOperator(names.store, primaryKey, foreignKey)
    topology.addProcessor({ name: names.receive, parents, supplier })
    topology.addStateStore(subscriptionStore, [names.receive])
  })
  const subscriptionStore = subscriptionStoreBuilder(names.store)
  const answer = chained(graph, [receive], names.answer, (topology, parents) => {
    const supplier = foreignKeyAnswerOperator(foreignRows)
    topology.addProcessor({ name: names.answer, parents, supplier })
    topology.connectProcessorAndStores(names.answer, foreignRows.stores)
  })
  const update = chained(graph, [right.node], names.update, (topology, parents) => {
    const { primaryKey, foreignKey } = serdes()
    const supplier = foreignKeyUpdateOperator(names.store, primaryKey, foreignKey)
    topology.addProcessor({ name: names.update, parents, supplier })
    topology.addStateStore(subscriptionStore, [names.update])
  })
  const answered = throughTopic(graph, [answer, update], {
    topic: names.responseTopic,
    sink: names.responseSink,
    source: names.responseSource,
    serdes: () => ({
      key: serdes().primaryKey,
      value: subscriptionResponseSerde(required(right.value, 'value', names.responseTopic)),
    }),
    partitioner: partitioner
      ? byKey(partitioner)
      : (_topic, _key, value) => (value as SubscriptionResponse<VForeign>).primaryPartition,
    copartitioned: left.sources,
  })
  const resolve = chained(graph, [answered], names.resolve, (topology, parents) => {
    const supplier = foreignKeyResolveOperator(rows, serdes().value, join.joiner, isLeft)
    topology.addProcessor({ name: names.resolve, parents, supplier })
    topology.connectProcessorAndStores(names.resolve, rows.stores)
  })
  const step = new TableNode<K, VOut>(plan.isNamed, plan.name, () => refuseUnnamed(graph, plan))
  const node = chained(graph, [resolve], names.result, (topology, parents) => {
    const storeName = step.isMaterialized ? plan.name : undefined
    const supplier = tableSourceOperator(() => storeName, step)
    topology.addProcessor({ name: names.result, parents, supplier })
    if (step.isMaterialized) topology.addStateStore(keyValueStoreOf(plan), [names.result])
  })
  const { key, value } = plan
  const sources = left.sources.union(new Set([names.responseSource]))
  return graph.make.table({ graph, node, name: names.result, key, value, sources, step })
}

/** What goes through the topics of the join is not what the partitioner knows. */
function byKey<K>(partitioner: StreamPartitioner<K, null>): StreamPartitioner {
  return (topic, key, _value, partitionCount) => partitioner(topic, key as K, null, partitionCount)
}

/** In the order in which Java takes their numbers. */
function planNames(graph: StreamGraph, name: string | undefined) {
  const named = (suffix: string, prefix: string): string =>
    graph.nameOr(name && `${name}-${suffix}`, `KTABLE-${prefix}-`)
  const subscription = 'FK-JOIN-SUBSCRIPTION'
  const names = {
    subscriptionTopic: `${named('subscription-registration', `${subscription}-REGISTRATION`)}-topic`,
    subscribe: named('subscription-registration-processor', `${subscription}-REGISTRATION`),
    subscriptionSink: named('subscription-registration-sink', 'SINK'),
    subscriptionSource: named('subscription-registration-source', 'SOURCE'),
    store: named('subscription-store', `${subscription}-STATE-STORE`),
    receive: named('subscription-receive', `${subscription}-PROCESSOR`),
    answer: named('subscription-join-foreign', `${subscription}-PROCESSOR`),
    update: named('foreign-join-subscription', `${subscription}-PROCESSOR`),
    responseTopic: `${named('subscription-response', `${subscription}-RESPONSE`)}-topic`,
    responseSink: named('subscription-response-sink', 'SINK'),
    responseSource: named('subscription-response-source', 'SOURCE'),
    resolve: named('subscription-response-resolver', `${subscription}-RESPONSE-RESOLVER-PROCESSOR`),
    result: named('result', 'FK-JOIN-OUTPUT'),
  }
  if (name === undefined) {
    graph.refuseAnonymous('repartition topic', names.subscriptionTopic, 'name')
    graph.refuseAnonymous('state store', names.store, 'name')
  }
  return names
}

function serdesOf<K, V, KForeign, VForeign>(
  left: TableParts<K, V>,
  right: TableParts<KForeign, VForeign>,
  topic: string,
) {
  return {
    primaryKey: required(left.key, 'key', topic),
    value: required(left.value, 'value', topic),
    foreignKey: required(right.key, 'key', topic),
  }
}

function chained(
  graph: StreamGraph,
  parents: readonly GraphNode[],
  name: string,
  write: (topology: Topology, parents: readonly string[]) => void,
): GraphNode {
  const node = new GraphNode(name, write)
  graph.add(parents, node)
  return node
}

interface Passage<K, V> {
  readonly topic: string
  readonly sink: string
  readonly source: string
  readonly serdes: () => { readonly key: Serde<K>; readonly value: Serde<V> }
  readonly partitioner?: StreamPartitioner
  readonly copartitioned: ReadonlySet<string>
}

function throughTopic<K, V>(
  graph: StreamGraph,
  parents: readonly GraphNode[],
  passage: Passage<K, V>,
): GraphNode {
  const { topic, sink, source, partitioner, copartitioned } = passage
  const serdes = () => passage.serdes() as { key: Serde<unknown>; value: Serde<unknown> }
  const written = chained(graph, parents, sink, (topology, from) => {
    topology.addInternalTopic({ name: topic, partitions: undefined })
    topology.addSink({
      name: sink,
      parents: from,
      topic,
      ...serdes(),
      partitioner,
      isInternal: true,
    })
  })
  return chained(graph, [written], source, (topology) => {
    topology.addSource({
      name: source,
      topics: [topic],
      ...serdes(),
      timestampExtractor: undefined,
      offsetReset: undefined,
      isInternal: true,
      isGlobal: false,
    })
    topology.addCopartitioned([...copartitioned, source])
  })
}
