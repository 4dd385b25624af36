import type { Timer } from '@millrace/core'

/** An assignment strategy that a member can follow, with its opaque subscription. In the member's order of preference. */
export interface MemberProtocol {
  readonly name: string
  readonly metadata: Buffer
}

export interface JoinResult {
  readonly errorCode: number
  readonly memberId: string
  readonly generation: number
  readonly protocolType: string | null
  readonly protocol: string | null
  readonly leader: string
  /** KIP-814: the leader goes on with the assignment there is. */
  readonly skipAssignment: boolean
  /** For the leader alone: everybody's subscription. */
  readonly members: readonly {
    readonly memberId: string
    readonly instanceId: string | null
    readonly metadata: Buffer
  }[]
}

export interface SyncResult {
  readonly errorCode: number
  readonly protocolType: string | null
  readonly protocol: string | null
  readonly assignment: Buffer
}

/** A member of a group. The group owns it and alone changes it. */
export interface Member {
  id: string
  readonly instanceId: string | null
  clientId: string
  clientHost: string
  sessionTimeoutMs: number
  rebalanceTimeoutMs: number
  protocols: readonly MemberProtocol[]
  assignment: Buffer
  /** Has not completed a join yet, so it cannot heartbeat: the join barrier may hold it longer than its session. */
  isNew: boolean
  /** Answers the join that waits in the barrier. */
  answerJoin: ((result: JoinResult) => void) | undefined
  /** Answers the sync that waits for the leader's assignment. */
  answerSync: ((result: SyncResult) => void) | undefined
  /** Runs while the member is expected to be heard of; not while one of its requests waits here. */
  session: Timer | undefined
}

export const noAssignment = Buffer.alloc(0)

export function hasSameProtocols(
  a: readonly MemberProtocol[],
  b: readonly MemberProtocol[],
): boolean {
  return (
    a.length === b.length &&
    a.every((protocol, index) => {
      const other = b[index]!
      return protocol.name === other.name && protocol.metadata.equals(other.metadata)
    })
  )
}

export function failedJoin(errorCode: number, memberId: string): JoinResult {
  return {
    errorCode,
    memberId,
    generation: -1,
    protocolType: null,
    protocol: null,
    leader: '',
    skipAssignment: false,
    members: [],
  }
}

export function failedSync(errorCode: number): SyncResult {
  return { errorCode, protocolType: null, protocol: null, assignment: noAssignment }
}
