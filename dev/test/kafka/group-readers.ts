import assert from 'node:assert/strict'
import { systemClock } from '@millrace/core'
import {
  createAdmin,
  createConsumer,
  KafkaError,
  type Consumer,
  type ConsumerOptions,
  type KafkaOptions,
  type TopicPartitionOffset,
} from '@millrace/kafka'
import { textOf } from './produced-history.ts'

/** The members of one group: they read, commit, and keep account of what the broker acknowledged. */
export class GroupReaders {
  readonly groupId: string
  readonly seen = new Map<string, number>()
  readonly #options: KafkaOptions
  readonly #topic: string
  readonly #groupProtocol: 'classic' | 'consumer'
  readonly #members: { readonly consumer: Consumer; readonly running: Promise<void> }[] = []
  /** Highest offset whose commit was acknowledged, by partition. */
  readonly #acknowledged = new Map<number, bigint>()
  commits = 0

  constructor(
    options: KafkaOptions,
    topic: string,
    groupId: string,
    groupProtocol: 'classic' | 'consumer',
  ) {
    this.#options = options
    this.#topic = topic
    this.groupId = groupId
    this.#groupProtocol = groupProtocol
  }

  async join(): Promise<void> {
    const consumer = await createConsumer({
      ...this.#options,
      groupId: this.groupId,
      topics: [this.#topic],
      ...membershipOf(this.#groupProtocol),
      maxBatchRecords: 100,
    })
    this.#members.push({ consumer, running: this.#read(consumer) })
  }

  /** One member leaves in order. */
  async leave(): Promise<void> {
    const member = this.#members.shift()
    await member?.consumer.close()
    await member?.running
  }

  async close(): Promise<void> {
    while (this.#members.length > 0) await this.leave()
  }

  /** Commits that were acknowledged hold: the broker's offsets are at or beyond them. */
  async checkOffsets(): Promise<void> {
    // Noted before the question: what is acknowledged meanwhile may or may not be in the answer.
    const acknowledged = new Map(this.#acknowledged)
    await using admin = await createAdmin(this.#options)
    const rows = await admin.groupLag(this.groupId, [this.#topic])
    for (const { partition, committedOffset } of rows) {
      const atLeast = acknowledged.get(partition) ?? 0n
      assert.ok(
        (committedOffset ?? 0n) >= atLeast,
        `group ${this.groupId}, partition ${partition}: ${committedOffset} is behind the acknowledged ${atLeast}`,
      )
    }
  }

  async lag(): Promise<number> {
    await using admin = await createAdmin(this.#options)
    const rows = await admin.groupLag(this.groupId, [this.#topic])
    return rows.reduce((sum, { lagRecords }) => sum + lagRecords, 0)
  }

  async #read(consumer: Consumer): Promise<void> {
    for await (const batch of consumer) {
      for (const record of batch.records) {
        const value = textOf(record)
        this.seen.set(value, (this.seen.get(value) ?? 0) + 1)
      }
      const { topic, partition } = batch
      const offset = (batch.records.at(-1)?.offset ?? -1n) + 1n
      if (!(await this.#commit(consumer, { topic, partition, offset }, batch.signal))) continue
      this.commits++
      const before = this.#acknowledged.get(partition) ?? 0n
      if (offset > before) this.#acknowledged.set(partition, offset)
    }
  }

  /** False when the partition has gone to somebody else, who reads the records again. */
  async #commit(
    consumer: Consumer,
    position: TopicPartitionOffset,
    signal: AbortSignal,
  ): Promise<boolean> {
    while (!signal.aborted) {
      try {
        await consumer.commit([position])
        return true
      } catch (error) {
        if (!(error instanceof KafkaError) || !error.retryable) {
          if (error instanceof KafkaError) return false
          throw error
        }
        await systemClock.sleep(50, signal).catch(() => {})
      }
    }
    return false
  }
}

/** Sessions of 6 s: those of the new protocol (KIP-848) are the broker's, see `brokerSessions`. */
export function membershipOf(groupProtocol: string): Partial<ConsumerOptions> {
  return groupProtocol === 'consumer'
    ? { groupProtocol }
    : { groupProtocol: 'classic', sessionTimeoutMs: 6_000, heartbeatIntervalMs: 200 }
}

/** The same for the broker's command line. */
export const brokerSessions = ['--consumer-session', '6000', '--consumer-heartbeat', '200']
