import {
  createTopicsApi,
  errorCodes,
  zeroUuid,
  type CreateTopicsRequest,
  type CreateTopicsResponseInput,
} from '@millrace/protocol'
import type { BrokerState } from '../broker-state.ts'
import { configSources } from './config-sources.ts'
import { configValue, topicConfigs } from '../topics/topic-configs.ts'
import type { TopicFault } from '../topics/topics.ts'
import { serve, type RequestContext } from './served-api.ts'

/**
 * CreateTopics (key 19), versions 2–7. Partition count and replication factor -1 take the broker's defaults (KIP-464; Streams sends -1);
 * manual assignments may name this node only. Each topic succeeds or fails by itself; `validateOnly` makes nothing. From v5 the answer
 * tells partitions and settings, from v7 the topic id.
 */
export const createTopics = serve({ api: createTopicsApi, versions: [2, 7], handle })

type TopicRequest = CreateTopicsRequest['topics'][number]
type TopicAnswer = CreateTopicsResponseInput['topics'][number]

async function handle(
  request: CreateTopicsRequest,
  context: RequestContext,
): Promise<CreateTopicsResponseInput> {
  const topics: TopicAnswer[] = []
  for (const wanted of request.topics) {
    const isTwice = request.topics.filter(({ name }) => name === wanted.name).length > 1
    topics.push(
      isTwice
        ? refuse(wanted.name, {
            errorCode: errorCodes.INVALID_REQUEST,
            text: 'Duplicate topic name.',
          })
        : await create(wanted, request.validateOnly, context),
    )
  }
  return { topics }
}

async function create(
  wanted: TopicRequest,
  validateOnly: boolean,
  { broker }: RequestContext,
): Promise<TopicAnswer> {
  const partitionCount = partitionCountOf(wanted, broker)
  const configs = new Map<string, string>()
  // A null value means the default.
  for (const { name, value } of wanted.configs) if (value !== null) configs.set(name, value)
  const fault =
    faultOfPlacement(wanted, broker) ??
    broker.topics.faultOfNew(wanted.name, partitionCount, configs)
  if (fault !== undefined) return refuse(wanted.name, fault)
  const topic = validateOnly
    ? undefined
    : await broker.topics.create(wanted.name, partitionCount, configs)
  const inForce = new Map([...broker.configs.topicDefaults(), ...configs])
  return {
    name: wanted.name,
    topicId: topic?.id ?? zeroUuid,
    errorCode: errorCodes.NONE,
    errorMessage: null,
    numPartitions: partitionCount,
    replicationFactor: broker.cluster.nodeCount,
    configs: topicConfigs.map(({ name }) => ({
      name,
      value: configValue(inForce, name),
      readOnly: false,
      configSource: configs.has(name) ? configSources.TOPIC : configSources.DEFAULT,
      isSensitive: false,
    })),
  }
}

function partitionCountOf(
  { numPartitions, assignments }: TopicRequest,
  broker: BrokerState,
): number {
  if (assignments.length > 0) return assignments.length
  return numPartitions === -1 ? broker.defaultPartitions : numPartitions
}

function faultOfPlacement(
  { numPartitions, replicationFactor, assignments }: TopicRequest,
  broker: BrokerState,
): TopicFault | undefined {
  if (assignments.length === 0) {
    const { nodeCount } = broker.cluster
    if (replicationFactor === -1 || (replicationFactor >= 1 && replicationFactor <= nodeCount))
      return undefined
    const text = `Unable to replicate the partition ${replicationFactor} time(s): there are ${nodeCount} nodes.`
    return { errorCode: errorCodes.INVALID_REPLICATION_FACTOR, text }
  }
  if (numPartitions !== -1 || replicationFactor !== -1) {
    const text = 'A manual assignment needs partition count and replication factor -1.'
    return { errorCode: errorCodes.INVALID_REQUEST, text }
  }
  const partitions = new Set(assignments.map(({ partitionIndex }) => partitionIndex))
  const isWhole = assignments.every((_, index) => partitions.has(index))
  const isHere = assignments.every(({ brokerIds }) => broker.cluster.areReplicas(brokerIds))
  if (isWhole && isHere) return undefined
  const text = `Every partition from 0 on must be assigned to different nodes of 1 to ${broker.cluster.nodeCount}.`
  return { errorCode: errorCodes.INVALID_REPLICA_ASSIGNMENT, text }
}

function refuse(name: string, { errorCode, text }: TopicFault): TopicAnswer {
  return { name, topicId: zeroUuid, errorCode, errorMessage: text, configs: [] }
}
