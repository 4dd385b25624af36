/**
 * "cooperative-sticky" (KIP-429), understood by the same name in Java and librdkafka: every member keeps what it has as far as the
 * shares stay balanced, and what moves is given up by its owner before another member gets it.
 *
 * On the wire as Kafka's `CooperativeStickyAssignor`: owned partitions and their generation in the subscription (version 2, KIP-792),
 * and the generation once more as user data (an int32), for members whose subscription has no field for it. How the leader deals
 * partitions out is its own affair; it need not be, and is not, the same algorithm as Java's.
 *
 * Balanced: nobody has two partitions more than another member that could take one of them.
 */
import {
  compareText,
  type GroupMember,
  type MemberShare,
  type PartitionAssignor,
} from './partition-assignor.ts'
import { partitionKey } from './partition-key.ts'
import type { TopicPartition } from './types.ts'

export const cooperativeStickyAssignor: PartitionAssignor = {
  name: 'cooperative-sticky',
  isCooperative: true,
  userData({ generationId }) {
    const bytes = Buffer.alloc(4)
    bytes.writeInt32BE(generationId)
    return bytes
  },
  assign(members, partitionCounts) {
    const shares = new Shares(members, partitionCounts)
    shares.dealOut()
    shares.balance()
    return shares.withoutWhatOthersOwn()
  },
}

interface Share {
  readonly member: GroupMember
  readonly topics: ReadonlySet<string>
  /** By key, in the order in which they were given. */
  readonly partitions: Map<string, TopicPartition>
}

class Shares {
  /** By member id, so that every leader deals alike. */
  readonly #shares: readonly Share[]
  readonly #all: readonly TopicPartition[]
  readonly #counts: ReadonlyMap<string, number>

  constructor(members: readonly GroupMember[], partitionCounts: ReadonlyMap<string, number>) {
    this.#counts = partitionCounts
    this.#shares = members
      .toSorted((a, b) => compareText(a.memberId, b.memberId))
      .map((member) => ({ member, topics: new Set(member.topics), partitions: new Map() }))
    this.#all = [...partitionCounts]
      .toSorted(([a], [b]) => compareText(a, b))
      .flatMap(([topic, count]) =>
        Array.from({ length: count }, (_, partition) => ({ topic, partition })),
      )
  }

  /** Everybody keeps what is theirs; the rest goes to whoever has least. */
  dealOut(): void {
    const owners = this.#owners()
    for (const [key, share] of owners) {
      const owned = share.member.ownedPartitions.find((row) => partitionKey(row) === key)
      if (owned) share.partitions.set(key, owned)
    }
    for (const row of this.#all) {
      const key = partitionKey(row)
      if (owners.has(key)) continue
      this.#leastOf(row.topic)?.partitions.set(key, row)
    }
  }

  /** Moves single partitions until none helps: each move brings two members closer, so that ends. */
  balance(): void {
    while (this.#moveOne());
  }

  /** What somebody else says to own is theirs to give up first: nobody gets it in this generation. */
  withoutWhatOthersOwn(): ReadonlyMap<string, MemberShare> {
    const claims = new Map<string, Set<string>>()
    for (const { member } of this.#shares)
      for (const row of member.ownedPartitions) {
        const key = partitionKey(row)
        const claimants = claims.get(key)
        if (claimants) claimants.add(member.memberId)
        else claims.set(key, new Set([member.memberId]))
      }
    return new Map(
      this.#shares.map(({ member, partitions }) => {
        const free = [...partitions].filter(([key]) => {
          const claimants = claims.get(key)
          return !claimants || claimants.has(member.memberId)
        })
        return [member.memberId, { partitions: free.map(([, row]) => row) }]
      }),
    )
  }

  /**
   * Who owns what, of what still exists and is subscribed to. Where two say so, the later generation is right: the other was away
   * when it lost the partition. Within one generation neither can be believed.
   */
  #owners(): ReadonlyMap<string, Share> {
    const owners = new Map<string, Share>()
    const disputed = new Set<string>()
    for (const share of this.#shares) {
      const generationId = generationOf(share.member)
      for (const row of share.member.ownedPartitions) {
        if (!share.topics.has(row.topic)) continue
        if (row.partition >= (this.#counts.get(row.topic) ?? 0)) continue
        const key = partitionKey(row)
        const other = owners.get(key)
        const otherId = other && other !== share ? generationOf(other.member) : -Infinity
        if (generationId < otherId) continue
        if (generationId === otherId) disputed.add(key)
        else disputed.delete(key)
        owners.set(key, share)
      }
    }
    for (const key of disputed) owners.delete(key)
    return owners
  }

  #leastOf(topic: string): Share | undefined {
    let least: Share | undefined
    for (const share of this.#shares)
      if (share.topics.has(topic) && share.partitions.size < (least?.partitions.size ?? Infinity))
        least = share
    return least
  }

  #moveOne(): boolean {
    const byCount = this.#shares.toSorted((a, b) => b.partitions.size - a.partitions.size)
    const fewest = byCount.at(-1)?.partitions.size ?? 0
    for (const giver of byCount) {
      if (giver.partitions.size < fewest + 2) return false
      const taker = this.#takerFor(giver)
      if (!taker) continue
      giver.partitions.delete(partitionKey(taker.row))
      taker.share.partitions.set(partitionKey(taker.row), taker.row)
      return true
    }
    return false
  }

  /** The partition of `giver` that helps most elsewhere: what it does not own yet before what it would have to give up. */
  #takerFor(giver: Share): { readonly row: TopicPartition; readonly share: Share } | undefined {
    const owned = new Set(giver.member.ownedPartitions.map(partitionKey))
    let best: { readonly row: TopicPartition; readonly share: Share } | undefined
    let bestScore = Infinity
    for (const [key, row] of giver.partitions) {
      const share = this.#leastOf(row.topic)
      if (!share || share.partitions.size > giver.partitions.size - 2) continue
      const score = share.partitions.size * 2 + (owned.has(key) ? 1 : 0)
      // The last of equals: what a member has had longest stays.
      if (score > bestScore) continue
      best = { row, share }
      bestScore = score
    }
    return best
  }
}

/** From the subscription, or from the user data of clients that send an older one. */
function generationOf({ generationId, userData }: GroupMember): number {
  if (generationId >= 0 || userData === null || userData.length < 4) return generationId
  return userData.readInt32BE(0)
}
