/** What members of a classic group ask, and what they are answered. */
import { noAssignment, type MemberProtocol } from './member-protocol.ts'

export interface JoinRequest {
  readonly memberId: string
  readonly instanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly protocolType: string
  readonly protocols: readonly MemberProtocol[]
  /** KIP-394, JoinGroup v4: a member without id gets one first and has to join again with it. */
  readonly requiresKnownMemberId: boolean
  /** KIP-814, JoinGroup v9. */
  readonly maySkipAssignment: boolean
}

export interface SyncRequest {
  readonly memberId: string
  readonly instanceId: string | null
  readonly generation: number
  readonly protocolType: string | null
  readonly protocol: string | null
  readonly assignments: ReadonlyMap<string, Buffer>
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
