import {
  createPartitionsApi,
  errorCodes,
  type CreatePartitionsRequest,
  type CreatePartitionsResponseInput,
} from '@millrace/protocol'
import type { BrokerState } from '../broker-state.ts'
import { serve, type RequestContext } from './served-api.ts'

/** CreatePartitions (key 37), versions 0–3: raises partition counts; one result per topic. Assignments may name this node only. */
export const createPartitions = serve({ api: createPartitionsApi, versions: [0, 3], handle })

type TopicRequest = CreatePartitionsRequest['topics'][number]

async function handle(
  request: CreatePartitionsRequest,
  { broker }: RequestContext,
): Promise<CreatePartitionsResponseInput> {
  const results = []
  for (const wanted of request.topics) {
    const fault = faultOf(wanted, broker)
    const topic = broker.topics.byName(wanted.name)
    if (fault === undefined && topic !== undefined && !request.validateOnly)
      await broker.topics.addPartitions(topic, wanted.count)
    results.push({
      name: wanted.name,
      errorCode: fault?.errorCode ?? errorCodes.NONE,
      errorMessage: fault?.text ?? null,
    })
  }
  return { results }
}

function faultOf(
  { name, count, assignments }: TopicRequest,
  broker: BrokerState,
): { readonly errorCode: number; readonly text: string } | undefined {
  const topic = broker.topics.byName(name)
  if (topic === undefined) {
    const text = `There is no topic "${name}".`
    return { errorCode: errorCodes.UNKNOWN_TOPIC_OR_PARTITION, text }
  }
  const added = count - topic.partitions.length
  if (added <= 0) {
    const text = `The topic has ${topic.partitions.length} partition(s), and ${count} is no increase.`
    return { errorCode: errorCodes.INVALID_PARTITIONS, text }
  }
  const isHere = assignments?.every(({ brokerIds }) => broker.cluster.areReplicas(brokerIds))
  if (isHere === false || (assignments !== null && assignments.length !== added)) {
    const text = `Each of the ${added} new partitions must be assigned to different nodes of 1 to ${broker.cluster.nodeCount}.`
    return { errorCode: errorCodes.INVALID_REPLICA_ASSIGNMENT, text }
  }
  return broker.topics.faultOfPartitionCount(count, added)
}
