import type { Clock, Timer } from '@millrace/core'
import { errorCodes } from '@millrace/protocol'
import { limits } from '../../limits.ts'
import type { MemberRecord } from '../group-records.ts'
import { failedJoin, failedSync, type JoinResult, type SyncResult } from './group-requests.ts'
import { noAssignment, type MemberProtocol } from './member-protocol.ts'

/** What a member says of itself when it joins. */
export interface MemberFacts {
  readonly instanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly protocols: readonly MemberProtocol[]
}

/** Whoever holds the members. */
export interface MemberHost {
  readonly clock: Clock
  /** The member was not heard of in its session, or waited in the join barrier for longer than a new one may. */
  readonly onMissed: (member: Member, reason: string) => void
}

/**
 * A member of a classic group, with the requests of it that wait here. The group owns it and alone changes it. Its session runs while it is
 * expected to be heard of; not while one of its requests waits, for then it cannot be heard of and is not missed.
 */
export class Member {
  id: string
  readonly instanceId: string | null
  clientId = ''
  clientHost = ''
  sessionTimeoutMs = 0
  rebalanceTimeoutMs = 0
  protocols: readonly MemberProtocol[] = []
  assignment: Buffer = noAssignment
  /** Has not completed a join yet, so it cannot heartbeat: the join barrier may hold it longer than its session. */
  isNew = true
  readonly #host: MemberHost
  #answerJoin: ((result: JoinResult) => void) | undefined
  #answerSync: ((result: SyncResult) => void) | undefined
  #session: Timer | undefined

  constructor(id: string, facts: MemberFacts, host: MemberHost) {
    this.id = id
    this.instanceId = facts.instanceId
    this.#host = host
    this.update(facts)
  }

  static fromRecord(
    { id, protocols, assignment, ...facts }: MemberRecord,
    host: MemberHost,
  ): Member {
    const decoded = protocols.map(([name, metadata]) => ({
      name,
      metadata: Buffer.from(metadata, 'base64'),
    }))
    const member = new Member(id, { ...facts, protocols: decoded }, host)
    member.assignment = Buffer.from(assignment, 'base64')
    member.isNew = false
    return member
  }

  toRecord(): MemberRecord {
    return {
      id: this.id,
      instanceId: this.instanceId,
      clientId: this.clientId,
      clientHost: this.clientHost,
      sessionTimeoutMs: this.sessionTimeoutMs,
      rebalanceTimeoutMs: this.rebalanceTimeoutMs,
      protocols: this.protocols.map(({ name, metadata }) => [name, metadata.toString('base64')]),
      assignment: this.assignment.toString('base64'),
    }
  }

  /** All but the instance id, which a member keeps. */
  update(facts: MemberFacts): void {
    this.protocols = facts.protocols
    this.sessionTimeoutMs = facts.sessionTimeoutMs
    this.rebalanceTimeoutMs = facts.rebalanceTimeoutMs
    this.clientId = facts.clientId
    this.clientHost = facts.clientHost
  }

  /** In the join barrier. */
  get isJoining(): boolean {
    return this.#answerJoin !== undefined
  }

  /** Holds the join until the barrier closes. A second join of the member takes the place of the first, which is told to try again. */
  holdJoin(): Promise<JoinResult> {
    this.answerJoin(failedJoin(errorCodes.REBALANCE_IN_PROGRESS, this.id))
    this.#session?.cancel()
    if (this.isNew)
      this.#session = this.#host.clock.setTimer(limits.newMemberJoinTimeoutMs, () =>
        this.#host.onMissed(this, 'a new member waited too long'),
      )
    return new Promise((resolve) => {
      this.#answerJoin = resolve
    })
  }

  /** @returns whether a join was waiting */
  answerJoin(result: JoinResult): boolean {
    const answer = this.#answerJoin
    if (answer === undefined) return false
    this.#answerJoin = undefined
    this.renewSession()
    answer(result)
    return true
  }

  /** Holds the sync until the leader's assignment is there. */
  holdSync(): Promise<SyncResult> {
    this.#session?.cancel()
    this.answerSync(failedSync(errorCodes.REBALANCE_IN_PROGRESS))
    return new Promise((resolve) => {
      this.#answerSync = resolve
    })
  }

  answerSync(result: SyncResult): void {
    const answer = this.#answerSync
    if (answer === undefined) return
    this.#answerSync = undefined
    this.renewSession()
    answer(result)
  }

  /** It was heard of. */
  renewSession(): void {
    if (this.#answerJoin !== undefined || this.#answerSync !== undefined) return
    this.#session?.cancel()
    this.#session = this.#host.clock.setTimer(this.sessionTimeoutMs, () =>
      this.#host.onMissed(this, 'a session expired'),
    )
  }

  /** Gone from the group: who waits is answered with the error, and nobody is missed any more. */
  end(errorCode: number): void {
    this.answerJoin(failedJoin(errorCode, this.id))
    this.answerSync(failedSync(errorCode))
    this.#session?.cancel()
  }
}
