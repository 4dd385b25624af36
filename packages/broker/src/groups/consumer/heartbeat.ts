/** What a member of a consumer group says with a heartbeat, and what it is answered. */
import { errorCodes } from '@millrace/protocol'
import { serverAssignors } from './assignors/server-assignors.ts'
import { JOIN_EPOCH, LEAVE_EPOCH, STATIC_LEAVE_EPOCH } from './consumer-member.ts'
import type { PartitionSets } from './partition-sets.ts'

/** As ConsumerGroupHeartbeat brings it; null says "as before". */
export interface HeartbeatRequest {
  readonly groupId: string
  readonly memberId: string
  readonly memberEpoch: number
  readonly instanceId: string | null
  readonly rackId: string | null
  readonly clientId: string
  readonly clientHost: string
  /** -1: as before. */
  readonly rebalanceTimeoutMs: number
  readonly topicNames: readonly string[] | null
  readonly topicRegex: string | null
  readonly assignor: string | null
  readonly owned: PartitionSets | null
  /** Whether the member may know of the topic; a pattern finds no others. */
  readonly maySee: (topic: string) => boolean
}

export interface HeartbeatAnswer {
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly memberId: string | null
  readonly memberEpoch: number
  readonly heartbeatIntervalMs: number
  /** Null: as before. */
  readonly assignment: PartitionSets | null
}

export function refusedHeartbeat(errorCode: number, errorMessage: string): HeartbeatAnswer {
  return {
    errorCode,
    errorMessage,
    memberId: null,
    memberEpoch: 0,
    heartbeatIntervalMs: 0,
    assignment: null,
  }
}

export function isLeaving({ memberEpoch }: HeartbeatRequest): boolean {
  return memberEpoch === LEAVE_EPOCH || memberEpoch === STATIC_LEAVE_EPOCH
}

/** From version 1 on clients make their member ids themselves (KIP-1082). */
const CLIENT_MADE_ID_VERSION = 1

/** What is wrong with the request whatever the group (Kafka: GroupCoordinatorService); undefined when nothing is. */
export function faultOfHeartbeat(
  request: HeartbeatRequest,
  version: number,
): HeartbeatAnswer | undefined {
  const text = textOfInvalid(request, version)
  if (text !== undefined) return refusedHeartbeat(errorCodes.INVALID_REQUEST, text)
  const { assignor } = request
  if (assignor === null || serverAssignors.has(assignor)) return undefined
  const known = [...serverAssignors.keys()].join(', ')
  return refusedHeartbeat(
    errorCodes.UNSUPPORTED_ASSIGNOR,
    `ServerAssignor ${assignor} is not supported. Supported assignors: ${known}.`,
  )
}

function textOfInvalid(request: HeartbeatRequest, version: number): string | undefined {
  const { memberEpoch } = request
  const needsId =
    version >= CLIENT_MADE_ID_VERSION || memberEpoch > 0 || memberEpoch === LEAVE_EPOCH
  if (needsId && isBlank(request.memberId)) return "MemberId can't be empty."
  if (isBlank(request.groupId)) return "GroupId can't be empty."
  if (isBlank(request.instanceId)) return "InstanceId can't be empty."
  if (isBlank(request.rackId)) return "RackId can't be empty."
  if (memberEpoch === JOIN_EPOCH) return textOfInvalidJoin(request)
  if (memberEpoch === STATIC_LEAVE_EPOCH && request.instanceId === null)
    return "InstanceId can't be null."
  return memberEpoch < STATIC_LEAVE_EPOCH ? 'MemberEpoch is invalid.' : undefined
}

function textOfInvalidJoin({
  rebalanceTimeoutMs,
  owned,
  topicNames,
  topicRegex,
}: HeartbeatRequest): string | undefined {
  if (rebalanceTimeoutMs === -1) return 'RebalanceTimeoutMs must be provided in first request.'
  if (owned === null || owned.size > 0) return 'TopicPartitions must be empty when (re-)joining.'
  return topicNames === null && topicRegex === null
    ? 'Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.'
    : undefined
}

function isBlank(text: string | null): boolean {
  return text !== null && text.trim() === ''
}
