import { errorCodes } from '@millrace/protocol'
import type { Member } from './member.ts'
import type { MemberProtocol } from './member-protocol.ts'
import { electProtocol, isSupportedByAll } from './protocol-election.ts'
import { subscribedTopics } from './subscription.ts'

/** The members of a classic group in joining order, and which of them each static instance is (KIP-345). */
export class Members implements Iterable<Member> {
  readonly #byId = new Map<string, Member>()
  readonly #idByInstance = new Map<string, string>()

  get size(): number {
    return this.#byId.size
  }

  /** It leads when the leader goes. */
  get first(): Member | undefined {
    return this.#byId.values().next().value
  }

  get areAllJoining(): boolean {
    for (const member of this) if (!member.isJoining) return false
    return true
  }

  /** The longest that any member asks for. */
  get rebalanceTimeoutMs(): number {
    let longestMs = 0
    for (const member of this) longestMs = Math.max(longestMs, member.rebalanceTimeoutMs)
    return longestMs
  }

  [Symbol.iterator](): Iterator<Member> {
    return this.#byId.values()
  }

  get(memberId: string): Member | undefined {
    return this.#byId.get(memberId)
  }

  idOfInstance(instanceId: string): string | undefined {
    return this.#idByInstance.get(instanceId)
  }

  add(member: Member): void {
    this.#byId.set(member.id, member)
    if (member.instanceId !== null) this.#idByInstance.set(member.instanceId, member.id)
  }

  remove(member: Member): void {
    this.#byId.delete(member.id)
    if (member.instanceId !== null) this.#idByInstance.delete(member.instanceId)
  }

  /** Goes to the end of the order. */
  rename(member: Member, newId: string): void {
    this.#byId.delete(member.id)
    member.id = newId
    this.add(member)
  }

  clear(): void {
    this.#byId.clear()
    this.#idByInstance.clear()
  }

  /** Kafka's error code for who is no member, or no longer its instance; undefined for a member. */
  faultOf(memberId: string, instanceId: string | null): number | undefined {
    if (instanceId !== null) {
      const current = this.#idByInstance.get(instanceId)
      if (current === undefined) return errorCodes.UNKNOWN_MEMBER_ID
      if (current !== memberId) return errorCodes.FENCED_INSTANCE_ID
    }
    return this.#byId.has(memberId) ? undefined : errorCodes.UNKNOWN_MEMBER_ID
  }

  /** As far as their subscriptions can be understood. */
  areSubscribedTo(topic: string): boolean {
    for (const { protocols } of this)
      for (const { metadata } of protocols)
        if (subscribedTopics(metadata).includes(topic)) return true
    return false
  }

  electProtocol(): string | null {
    return electProtocol(this)
  }

  /** Whether some of the strategies is known to every member. */
  support(protocols: readonly MemberProtocol[]): boolean {
    return isSupportedByAll(protocols, this)
  }
}
