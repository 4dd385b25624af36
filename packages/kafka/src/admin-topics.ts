/** Settings, partition counts and deletion of records. */
import type { ConfigChange, ConfigEntry, ConfigResource } from './admin-types.ts'
import { brokerError, code, expectNone } from './broker-error.ts'
import type { Cluster } from './cluster.ts'
import type { TopicPartitionOffset } from './types.ts'
import { optionalWire } from './wire.ts'

/** Numbers of `ConfigResource.Type`. */
const resourceTypes = { topic: 2, broker: 4 } as const
/** Number of `AlterConfigOp.OpType`. */
const operations = { set: 0, delete: 1 } as const
/** `DescribeConfigsResponse.ConfigSource`: static settings of the broker's file, and the program's own defaults. */
const defaultSources: ReadonlySet<number> = new Set([4, 5])

export async function describeConfigs(
  cluster: Cluster,
  resource: ConfigResource,
): Promise<readonly ConfigEntry[]> {
  const answer = await send(cluster, resource, (nodeId) =>
    cluster.request(nodeId, 'data', optionalWire.describeConfigs, {
      resources: [
        {
          resourceType: resourceTypes[resource.type],
          resourceName: resource.name,
          configurationKeys: null,
        },
      ],
      includeSynonyms: false,
      includeDocumentation: false,
    }),
  )
  const [result] = answer.results
  expectNone(
    `Describing the settings of ${resource.type} "${resource.name}"`,
    result?.errorCode ?? code.UNKNOWN_SERVER_ERROR,
    { ...resource, brokerMessage: result?.errorMessage },
  )
  return (result?.configs ?? []).map(({ name, value, readOnly, configSource, isSensitive }) => ({
    name,
    value,
    isDefault: defaultSources.has(configSource),
    isReadOnly: readOnly,
    isSensitive,
  }))
}

export async function alterConfigs(
  cluster: Cluster,
  resource: ConfigResource,
  changes: readonly ConfigChange[],
): Promise<void> {
  const answer = await send(cluster, resource, (nodeId) =>
    cluster.request(nodeId, 'data', optionalWire.incrementalAlterConfigs, {
      resources: [
        {
          resourceType: resourceTypes[resource.type],
          resourceName: resource.name,
          configs: changes.map(({ name, value }) => ({
            name,
            configOperation: value === null ? operations.delete : operations.set,
            value,
          })),
        },
      ],
      validateOnly: false,
    }),
  )
  for (const { errorCode, errorMessage } of answer.responses)
    expectNone(`Changing the settings of ${resource.type} "${resource.name}"`, errorCode, {
      ...resource,
      brokerMessage: errorMessage,
    })
}

/** A broker's own settings are asked from itself, everything else from the controller. */
async function send<T>(
  cluster: Cluster,
  { type, name }: ConfigResource,
  request: (nodeId: number) => Promise<T>,
): Promise<T> {
  const controller = await cluster.controller()
  return request(type === 'broker' && name !== '' ? Number(name) : controller)
}

export async function createPartitions(
  cluster: Cluster,
  topic: string,
  count: number,
): Promise<void> {
  const answer = await cluster.request(
    await cluster.controller(),
    'data',
    optionalWire.createPartitions,
    {
      topics: [{ name: topic, count, assignments: null }],
      timeoutMs: cluster.requestTimeoutMs,
      validateOnly: false,
    },
  )
  for (const { errorCode, errorMessage } of answer.results)
    expectNone(`Raising topic "${topic}" to ${count} partitions`, errorCode, {
      topic,
      count,
      brokerMessage: errorMessage,
    })
}

export async function deleteRecords(
  cluster: Cluster,
  before: readonly TopicPartitionOffset[],
): Promise<readonly TopicPartitionOffset[]> {
  await cluster.refresh([...new Set(before.map(({ topic }) => topic))])
  const byLeader = Map.groupBy(before, ({ topic, partition }) => {
    const leader = cluster.leaderOf(topic, partition)
    if (leader !== undefined) return leader
    const missing = cluster.topic(topic)?.errorCode ?? code.NONE
    const errorCode = missing === code.NONE ? code.LEADER_NOT_AVAILABLE : missing
    throw brokerError(`Looking for the leader of "${topic}" partition ${partition}`, errorCode, {
      topic,
      partition,
    })
  })
  const answers = await Promise.all(
    [...byLeader].map(([leader, rows]) =>
      cluster.request(leader, 'data', optionalWire.deleteRecords, {
        topics: [...Map.groupBy(rows, ({ topic }) => topic)].map(([name, ofTopic]) => ({
          name,
          partitions: ofTopic.map(({ partition, offset }) => ({
            partitionIndex: partition,
            offset,
          })),
        })),
        timeoutMs: cluster.requestTimeoutMs,
      }),
    ),
  )
  return answers.flatMap(({ topics }) =>
    topics.flatMap(({ name: topic, partitions }) =>
      partitions.map(({ partitionIndex: partition, lowWatermark, errorCode }) => {
        expectNone(`Deleting records of "${topic}" partition ${partition}`, errorCode, {
          topic,
          partition,
        })
        return { topic, partition, offset: lowWatermark }
      }),
    ),
  )
}
