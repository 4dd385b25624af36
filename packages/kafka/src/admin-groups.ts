/** Groups as an administrator sees them: asked from each group's coordinator, or from all brokers. */
import { consumerAssignment, readVersioned } from '@millrace/protocol'
import type { GroupDescription, GroupListing, MemberDescription } from './admin-types.ts'
import { code, expectNone } from './broker-error.ts'
import type { Cluster } from './cluster.ts'
import type { CommittedOffset } from './consumer-types.ts'
import type { TopicPartition, TopicPartitionOffset } from './types.ts'
import { optionalWire, wire } from './wire.ts'

export async function listGroups(cluster: Cluster): Promise<readonly GroupListing[]> {
  const answers = await Promise.all(
    (await cluster.brokers()).map(({ nodeId }) =>
      cluster.request(nodeId, 'data', optionalWire.listGroups, { statesFilter: [] }),
    ),
  )
  const found = new Map<string, GroupListing>()
  for (const { errorCode, groups } of answers) {
    expectNone('Listing groups', errorCode)
    for (const { groupId, protocolType, groupState } of groups)
      found.set(groupId, { groupId, protocolType, state: groupState })
  }
  return [...found.values()].toSorted((a, b) => (a.groupId < b.groupId ? -1 : 1))
}

export async function describeGroups(
  cluster: Cluster,
  groupIds: readonly string[],
): Promise<readonly GroupDescription[]> {
  return Promise.all(groupIds.map((groupId) => describeGroup(cluster, groupId)))
}

async function describeGroup(cluster: Cluster, groupId: string): Promise<GroupDescription> {
  const coordinator = await cluster.coordinatorOf(groupId)
  const pinned = optionalWire.consumerGroupDescribe
  const isOffered = await cluster.serves(coordinator, 'data', pinned)
  const found = isOffered ? await describeConsumerGroup(cluster, coordinator, groupId) : undefined
  return found ?? describeClassicGroup(cluster, coordinator, groupId)
}

/** One of the new protocol (KIP-848); `undefined` where it is none, or the feature is switched off. */
async function describeConsumerGroup(
  cluster: Cluster,
  coordinator: number,
  groupId: string,
): Promise<GroupDescription | undefined> {
  const { groups } = await cluster.request(
    coordinator,
    'data',
    optionalWire.consumerGroupDescribe,
    { groupIds: [groupId], includeAuthorizedOperations: false },
  )
  const [group] = groups
  if (
    !group ||
    group.errorCode === code.GROUP_ID_NOT_FOUND ||
    group.errorCode === code.UNSUPPORTED_VERSION
  )
    return undefined
  expectNone(`Describing group "${groupId}"`, group.errorCode, { groupId })
  return {
    groupId,
    protocolType: 'consumer',
    state: group.groupState,
    protocol: group.assignorName,
    members: group.members.map(({ memberId, instanceId, clientId, clientHost, assignment }) => ({
      memberId,
      instanceId,
      clientId,
      host: clientHost,
      assignment: assignment.topicPartitions.flatMap(({ topicName: topic, partitions }) =>
        partitions.map((partition) => ({ topic, partition })),
      ),
    })),
  }
}

async function describeClassicGroup(
  cluster: Cluster,
  coordinator: number,
  groupId: string,
): Promise<GroupDescription> {
  const answer = await cluster.request(coordinator, 'data', optionalWire.describeGroups, {
    groups: [groupId],
    includeAuthorizedOperations: false,
  })
  const [group] = answer.groups
  expectNone(`Describing group "${groupId}"`, group?.errorCode ?? code.UNKNOWN_SERVER_ERROR, {
    groupId,
  })
  return {
    groupId,
    protocolType: group?.protocolType ?? '',
    state: group?.groupState ?? '',
    protocol: group?.protocolData ?? '',
    members: (group?.members ?? []).map((member): MemberDescription => ({
      memberId: member.memberId,
      instanceId: member.groupInstanceId,
      clientId: member.clientId,
      host: member.clientHost,
      assignment: group?.protocolType === 'consumer' ? partitionsOf(member.memberAssignment) : [],
    })),
  }
}

function partitionsOf(assignment: Buffer): readonly TopicPartition[] {
  if (assignment.length === 0) return []
  const { assignedPartitions } = readVersioned(consumerAssignment, assignment)
  return assignedPartitions.flatMap(({ topic, partitions }) =>
    partitions.map((partition) => ({ topic, partition })),
  )
}

/**
 * Throws members out, static ones too (KIP-345); their sessions may still believe to be there until their next heartbeat.
 * @param instanceIds of static members; undefined: everybody
 */
export async function removeGroupMembers(
  cluster: Cluster,
  groupId: string,
  instanceIds: readonly string[] | undefined,
): Promise<void> {
  const coordinator = await cluster.coordinatorOf(groupId)
  const members =
    instanceIds?.map((instanceId) => ({ memberId: '', instanceId })) ??
    (await describeClassicGroup(cluster, coordinator, groupId)).members
  if (members.length === 0) return
  const answer = await cluster.request(coordinator, 'data', wire.leaveGroup, {
    groupId,
    members: members.map(({ memberId, instanceId }) =>
      instanceId === null
        ? { memberId, groupInstanceId: null }
        : { memberId: '', groupInstanceId: instanceId },
    ),
  })
  const what = `Removing the members of group "${groupId}"`
  expectNone(what, answer.errorCode, { groupId })
  for (const { memberId, errorCode } of answer.members)
    // Gone by itself meanwhile.
    if (errorCode !== code.UNKNOWN_MEMBER_ID) expectNone(what, errorCode, { groupId, memberId })
}

export async function deleteGroups(cluster: Cluster, groupIds: readonly string[]): Promise<void> {
  for (const groupId of groupIds) {
    const coordinator = await cluster.coordinatorOf(groupId)
    const answer = await cluster.request(coordinator, 'data', optionalWire.deleteGroups, {
      groupsNames: [groupId],
    })
    for (const { errorCode } of answer.results)
      if (errorCode !== code.GROUP_ID_NOT_FOUND)
        expectNone(`Deleting group "${groupId}"`, errorCode, { groupId })
  }
}

export async function groupOffsets(
  cluster: Cluster,
  groupId: string,
): Promise<readonly CommittedOffset[]> {
  const coordinator = await cluster.coordinatorOf(groupId)
  const answer = await cluster.request(coordinator, 'data', wire.offsetFetch, {
    groupId,
    topics: null,
    groups: [],
    requireStable: true,
  })
  const what = `Reading the committed offsets of group "${groupId}"`
  expectNone(what, answer.errorCode, { groupId })
  return answer.topics.flatMap(({ name: topic, partitions }) =>
    partitions.map(({ partitionIndex: partition, errorCode, committedOffset, metadata }) => {
      expectNone(what, errorCode, { groupId, topic, partition })
      return { topic, partition, offset: committedOffset, metadata }
    }),
  )
}

/** As a committer that is no member: brokers take that only while the group has none. */
export async function alterGroupOffsets(
  cluster: Cluster,
  groupId: string,
  offsets: readonly TopicPartitionOffset[],
): Promise<void> {
  const coordinator = await cluster.coordinatorOf(groupId)
  const answer = await cluster.request(coordinator, 'data', wire.offsetCommit, {
    groupId,
    generationIdOrMemberEpoch: -1,
    memberId: '',
    groupInstanceId: null,
    topics: [...Map.groupBy(offsets, ({ topic }) => topic)].map(([name, rows]) => ({
      name,
      partitions: rows.map(({ partition, offset }) => ({
        partitionIndex: partition,
        committedOffset: offset,
        committedMetadata: null,
      })),
    })),
  })
  for (const { name: topic, partitions } of answer.topics)
    for (const { partitionIndex: partition, errorCode } of partitions)
      expectNone(`Setting the offset of group "${groupId}" (it must have no members)`, errorCode, {
        groupId,
        topic,
        partition,
      })
}

export async function deleteGroupOffsets(
  cluster: Cluster,
  groupId: string,
  partitions: readonly TopicPartition[],
): Promise<void> {
  const coordinator = await cluster.coordinatorOf(groupId)
  const answer = await cluster.request(coordinator, 'data', optionalWire.offsetDelete, {
    groupId,
    topics: [...Map.groupBy(partitions, ({ topic }) => topic)].map(([name, rows]) => ({
      name,
      partitions: rows.map(({ partition }) => ({ partitionIndex: partition })),
    })),
  })
  const what = `Deleting offsets of group "${groupId}"`
  expectNone(what, answer.errorCode, { groupId })
  for (const { name: topic, partitions: rows } of answer.topics)
    for (const { partitionIndex: partition, errorCode } of rows)
      expectNone(what, errorCode, { groupId, topic, partition })
}
