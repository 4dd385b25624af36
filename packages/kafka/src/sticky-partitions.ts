/**
 * Partitions of records without key, as Java's producer chooses them (KIP-794, uniform sticky): one partition gets all until a batch's
 * worth of bytes went there, then another, drawn at random. Records of one call stay together.
 */
import { systemRandom, type Random } from '@millrace/core'

/** Kafka's default `batch.size`, which decides when Java changes the partition. */
export const stickyBytes = 16_384

interface Sticky {
  partition: number
  usedBytes: number
}

export class StickyPartitions {
  readonly #random: Random
  readonly #byTopic = new Map<string, Sticky>()

  constructor(random: Random = systemRandom) {
    this.#random = random
  }

  /** The partition for the keyless records of a call. @param count partitions of the topic */
  choose(topic: string, count: number): number {
    let sticky = this.#byTopic.get(topic)
    if (!sticky) {
      sticky = { partition: this.#draw(count), usedBytes: 0 }
      this.#byTopic.set(topic, sticky)
    } else if (sticky.usedBytes >= stickyBytes || sticky.partition >= count) {
      // Another one: a step of 1 to count - 1 never ends where it began.
      sticky.partition = count === 1 ? 0 : (sticky.partition + 1 + this.#draw(count - 1)) % count
      sticky.usedBytes = 0
    }
    return sticky.partition
  }

  /** Tells how much went to the chosen partition. */
  used(topic: string, sizeBytes: number): void {
    const sticky = this.#byTopic.get(topic)
    if (sticky) sticky.usedBytes += sizeBytes
  }

  #draw(count: number): number {
    return Math.floor(this.#random.float() * count)
  }
}
