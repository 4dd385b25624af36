import {
  errorCodes,
  metadataApi,
  zeroUuid,
  type MetadataRequest,
  type MetadataResponseInput,
} from '@millrace/protocol'
import type { Topic } from '../topics/topic.ts'
import { serve, type RequestContext } from './served-api.ts'

/**
 * Metadata (key 3), versions 0–13: the nodes that are up, and the topics asked for with the leader of each partition.
 *
 * - v0: an empty list means all topics; from v1 null means all and an empty list none.
 * - A topic that does not exist is created when the broker and (from v4) the request allow it, with the default partition count.
 * - v10 tells topic ids, v12 looks topics up by id.
 *
 * Ignored: authorized operations, which are told as "unknown".
 */
export const metadata = serve({ api: metadataApi, versions: [0, 13], handle: handleMetadata })

type TopicAnswer = MetadataResponseInput['topics'][number]

async function handleMetadata(
  request: MetadataRequest,
  context: RequestContext,
): Promise<MetadataResponseInput> {
  const { broker, version, nodes } = context
  const wantsAll = request.topics === null || (version === 0 && request.topics.length === 0)
  const topics: TopicAnswer[] = []
  if (wantsAll) for (const topic of broker.topics.all) topics.push(describeTopic(topic, context))
  else for (const wanted of request.topics ?? []) topics.push(await find(wanted, request, context))
  return {
    brokers: nodes().map(({ id, host, port }) => ({ nodeId: id, host, port })),
    clusterId: broker.clusterId,
    controllerId: broker.cluster.controller,
    topics,
  }
}

async function find(
  { name, topicId }: NonNullable<MetadataRequest['topics']>[number],
  request: MetadataRequest,
  context: RequestContext,
): Promise<TopicAnswer> {
  const { topics, autoCreateTopics, defaultPartitions } = context.broker
  if (name === null) {
    const topic = topics.byId(topicId)
    return topic === undefined
      ? unknown(null, topicId, errorCodes.UNKNOWN_TOPIC_ID)
      : describeTopic(topic, context)
  }
  const topic = topics.byName(name)
  if (topic !== undefined) return describeTopic(topic, context)
  if (!autoCreateTopics || !request.allowAutoTopicCreation)
    return unknown(name, zeroUuid, errorCodes.UNKNOWN_TOPIC_OR_PARTITION)
  const fault = topics.faultOfNew(name, defaultPartitions, new Map())
  if (fault !== undefined) return unknown(name, zeroUuid, fault.errorCode)
  return describeTopic(await topics.create(name, defaultPartitions, new Map()), context)
}

/** A topic with the leader of each partition. */
export function describeTopic(topic: Topic, { broker }: RequestContext): TopicAnswer {
  const { allNodes, liveNodes } = broker.cluster
  const offlineReplicas = allNodes.filter((node) => !broker.cluster.isUp(node))
  return {
    errorCode: errorCodes.NONE,
    name: topic.name,
    topicId: topic.id,
    isInternal: false,
    partitions: topic.partitions.map((_, partitionIndex) => {
      const { node, epoch } = broker.cluster.leaderOf(topic, partitionIndex)
      return {
        errorCode: node === -1 ? errorCodes.LEADER_NOT_AVAILABLE : errorCodes.NONE,
        partitionIndex,
        leaderId: node,
        leaderEpoch: epoch,
        replicaNodes: allNodes,
        isrNodes: liveNodes,
        offlineReplicas,
      }
    }),
  }
}

function unknown(name: string | null, topicId: string, errorCode: number): TopicAnswer {
  return { errorCode, name, topicId, isInternal: false, partitions: [] }
}
