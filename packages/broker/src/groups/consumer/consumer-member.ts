import type { ConsumerMemberRecord } from '../group-records.ts'
import {
  areSamePartitions,
  noPartitions,
  partitionRows,
  partitionSets,
  type PartitionSets,
} from './partition-sets.ts'

/** How far a member has come on its way to its target (Kafka: MemberState). */
export const MemberState = {
  /** It has what its epoch gives it. */
  STABLE: 'STABLE',
  /** It was told to give partitions up and has not said that it did. */
  UNREVOKED_PARTITIONS: 'UNREVOKED_PARTITIONS',
  /** It waits for partitions that others still hold. */
  UNRELEASED_PARTITIONS: 'UNRELEASED_PARTITIONS',
} as const
export type MemberState = (typeof MemberState)[keyof typeof MemberState]

/** Epochs of a heartbeat that are none (KIP-848). */
export const JOIN_EPOCH = 0
export const LEAVE_EPOCH = -1
/** A static member goes and means to come back; also its epoch in the group until it does. */
export const STATIC_LEAVE_EPOCH = -2

/** What a member says of itself. */
export interface MemberFacts {
  readonly instanceId: string | null
  readonly rackId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly rebalanceTimeoutMs: number
  readonly topicNames: readonly string[]
  /** Empty: none. */
  readonly topicRegex: string
  readonly assignor: string | null
}

/** A member of a consumer group. Never changed in place. */
export interface ConsumerMember extends MemberFacts {
  readonly id: string
  readonly epoch: number
  /** The one before, which a member may still name when the answer with the new one was lost. */
  readonly previousEpoch: number
  readonly state: MemberState
  /** What it may read. */
  readonly assigned: PartitionSets
  /** What it was told to give up; nobody else gets it before it has. */
  readonly revoking: PartitionSets
}

export function newMember(id: string, facts: MemberFacts): ConsumerMember {
  return {
    ...facts,
    id,
    epoch: JOIN_EPOCH,
    previousEpoch: JOIN_EPOCH,
    state: MemberState.STABLE,
    assigned: noPartitions,
    revoking: noPartitions,
  }
}

/** Whether the member has all that the target of this epoch gives it. */
export function isReconciledTo(member: ConsumerMember, targetEpoch: number): boolean {
  return member.state === MemberState.STABLE && member.epoch === targetEpoch
}

export function isSameMember(a: ConsumerMember, b: ConsumerMember): boolean {
  return (
    a.id === b.id &&
    a.epoch === b.epoch &&
    a.previousEpoch === b.previousEpoch &&
    a.state === b.state &&
    areSameFacts(a, b) &&
    areSamePartitions(a.assigned, b.assigned) &&
    areSamePartitions(a.revoking, b.revoking)
  )
}

function areSameFacts(a: MemberFacts, b: MemberFacts): boolean {
  return (
    a.instanceId === b.instanceId &&
    a.rackId === b.rackId &&
    a.clientId === b.clientId &&
    a.clientHost === b.clientHost &&
    a.rebalanceTimeoutMs === b.rebalanceTimeoutMs &&
    a.topicRegex === b.topicRegex &&
    a.assignor === b.assignor &&
    areSameNames(a.topicNames, b.topicNames)
  )
}

/** In whatever order. */
export function areSameNames(a: readonly string[], b: readonly string[]): boolean {
  const names = new Set(a)
  return a.length === b.length && b.every((name) => names.has(name))
}

/** @param target what the group means it to have */
export function toMemberRecord(
  groupId: string,
  { assigned, revoking, ...member }: ConsumerMember,
  target: PartitionSets,
): ConsumerMemberRecord {
  return {
    type: 'consumerMember',
    groupId,
    ...member,
    assigned: partitionRows(assigned),
    revoking: partitionRows(revoking),
    target: partitionRows(target),
  }
}

export function fromMemberRecord(record: ConsumerMemberRecord): ConsumerMember {
  const { type: _type, groupId: _groupId, target: _target, assigned, revoking, ...member } = record
  return { ...member, assigned: partitionSets(assigned), revoking: partitionSets(revoking) }
}
