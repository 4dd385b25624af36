/** What an application needs of the cluster before its threads begin. */
import { createAdmin, KafkaError, type ClusterAdmin, type KafkaOptions } from '@millrace/kafka'
import { StreamsError } from '../errors.ts'
import { hasPatterns, sourceMatching } from '../topology/matched-topics.ts'
import type { Topology } from '../topology/topology.ts'
import {
  externalSourceTopics,
  planTopics,
  type InternalTopicPlan,
  type TopicPlan,
} from './topic-plan.ts'

/**
 * Plans the topology's topics by what the cluster has, and makes the internal ones that are missing.
 * @throws StreamsError `MR_STREAMS_MISSING_TOPIC`, `MR_STREAMS_PARTITION_MISMATCH`; KafkaError where the cluster does not answer
 */
export async function prepareTopics(
  topology: Topology,
  applicationId: string,
  kafka: KafkaOptions,
): Promise<TopicPlan> {
  await using admin = await createAdmin(kafka)
  const all = hasPatterns(topology) ? await admin.listTopics() : []
  const matched = all.filter((topic) => sourceMatching(topology, applicationId, topic))
  const existing = await admin.describeTopics([...externalSourceTopics(topology), ...matched])
  const plan = planTopics(topology, applicationId, existing)
  await makeInternalTopics(admin, plan.internalTopics)
  const partitionCounts = new Map([
    ...(await admin.describeTopics(sinkTopics(topology))),
    ...plan.partitionCounts,
  ])
  return { ...plan, partitionCounts }
}

/** Those that exist stay as they are. @throws StreamsError `MR_STREAMS_PARTITION_MISMATCH`; KafkaError where the cluster does not answer */
export async function makeInternalTopics(
  admin: ClusterAdmin,
  topics: readonly InternalTopicPlan[],
): Promise<void> {
  try {
    await admin.ensureTopics(topics)
  } catch (error) {
    if (!(error instanceof KafkaError) || error.code !== 'MR_KAFKA_TOPIC_MISMATCH') throw error
    throw new StreamsError(
      'MR_STREAMS_PARTITION_MISMATCH',
      `An internal topic exists with another partition count: ${error.message} The topology or a source topic has changed; reset the application, or go back.`,
      error.details,
      { cause: error },
    )
  }
}

/** Topics of others that the topology writes to and names. */
function sinkTopics(topology: Topology): readonly string[] {
  return [...topology.nodes.values()].flatMap((node) =>
    node.kind === 'sink' && typeof node.topic === 'string' && !node.isInternal ? [node.topic] : [],
  )
}
