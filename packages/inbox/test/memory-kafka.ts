import { Wakeup } from '@millrace/core'
import {
  KafkaError,
  type Admin,
  type ConsumerRecord,
  type Producer,
  type ProducerRecord,
  type TopicPartition,
  type TopicPartitionOffset,
} from '@millrace/kafka'
import type { GroupConsumer, GroupConsumerOptions, InboxBatch, KafkaClient } from '../src/types.ts'

interface Group {
  generation: number
  rebalancing: Promise<void>
  readonly committed: Map<string, bigint>
  readonly members: Set<MemoryConsumer>
}

/**
 * A broker in memory, for tests of the inbox alone: topics, groups that rebalance at once, and switches for what goes wrong. It
 * keeps the promises of the client's interfaces, so that what holds here can be checked again on the real one.
 */
export class MemoryKafka implements KafkaClient {
  readonly #topics = new Map<string, ConsumerRecord[][]>()
  readonly #groups = new Map<string, Group>()
  /** Throws on produce, commit and metadata while true. */
  isDown = false

  createTopic(name: string, partitions: number): void {
    this.#topics.set(
      name,
      Array.from({ length: partitions }, () => []),
    )
  }

  append(topic: string, record: Omit<ProducerRecord, 'topic'>): bigint {
    const partitions = this.#topics.get(topic)
    const partition = record.partition ?? 0
    const log = partitions?.[partition]
    if (!log) throw new Error(`No partition ${partition} of ${topic}`)
    log.push({
      topic,
      partition,
      offset: BigInt(log.length),
      timestampMs: record.timestampMs ?? Date.now(),
      key: bytes(record.key),
      value: bytes(record.value),
      headers: (record.headers ?? []).map(([name, value]) => [name, Buffer.from(value)] as const),
    })
    for (const group of this.#groups.values()) for (const member of group.members) member.wake()
    return BigInt(log.length - 1)
  }

  records(topic: string): readonly ConsumerRecord[] {
    return (this.#topics.get(topic) ?? []).flat()
  }

  committed(groupId: string, topic: string, partition = 0): bigint | undefined {
    return this.#groups.get(groupId)?.committed.get(`${topic} ${partition}`)
  }

  /** What a broker that lost its group metadata does: generations count from the start. */
  forgetGenerations(groupId: string): void {
    const group = this.group(groupId)
    group.generation = 0
    void this.rebalance(group)
  }

  /** @internal */
  group(groupId: string): Group {
    let group = this.#groups.get(groupId)
    if (!group) {
      group = {
        generation: 0,
        rebalancing: Promise.resolve(),
        committed: new Map(),
        members: new Set(),
      }
      this.#groups.set(groupId, group)
    }
    return group
  }

  /** @internal */
  log(at: TopicPartition): readonly ConsumerRecord[] {
    return this.#topics.get(at.topic)?.[at.partition] ?? []
  }

  /** Deals the partitions out anew over the members, in the order they joined. */
  rebalance(group: Group): Promise<void> {
    group.rebalancing = group.rebalancing.then(() => this.#deal(group))
    return group.rebalancing
  }

  async #deal(group: Group): Promise<void> {
    group.generation++
    const members = [...group.members]
    const topics = new Set(members.flatMap((member) => member.options.topics))
    const all = [...topics].flatMap((topic) =>
      (this.#topics.get(topic) ?? []).map((_, partition) => ({ topic, partition })),
    )
    const shares = members.map((_, index) =>
      all.filter((__, position) => position % members.length === index),
    )
    await Promise.all(members.map((member) => member.giveUp()))
    for (const [index, member] of members.entries()) {
      if (group.members.has(member)) await member.assign(shares[index] ?? [], group.generation)
    }
  }

  createConsumer(options: GroupConsumerOptions): Promise<GroupConsumer> {
    const group = this.group(options.groupId)
    const consumer = new MemoryConsumer(this, group, options)
    group.members.add(consumer)
    void this.rebalance(group)
    return Promise.resolve(consumer)
  }

  createProducer(): Promise<Producer> {
    return Promise.resolve({
      send: (records) => {
        this.checkUp()
        return Promise.resolve(
          records.map((record) => {
            const partition = record.partition ?? 0
            const offset = this.append(record.topic, { ...record, partition })
            return { topic: record.topic, partition, offset }
          }),
        )
      },
      close: () => Promise.resolve(),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    })
  }

  createAdmin(): Promise<Admin> {
    const unused = (): never => {
      throw new Error('Not used by the inbox')
    }
    return Promise.resolve({
      ensureTopics: (topics) => {
        for (const topic of topics)
          if (!this.#topics.has(topic.name)) this.createTopic(topic.name, topic.partitions)
        return Promise.resolve()
      },
      describeTopics: (names) => {
        this.checkUp()
        return Promise.resolve(
          new Map(
            names.flatMap((name) => {
              const partitions = this.#topics.get(name)
              return partitions ? [[name, partitions.length] as const] : []
            }),
          ),
        )
      },
      groupLag: (groupId, topics) => {
        this.checkUp()
        return Promise.resolve(
          topics.flatMap((topic) =>
            (this.#topics.get(topic) ?? []).map((log, partition) => {
              const committedOffset = this.committed(groupId, topic, partition) ?? null
              const endOffset = BigInt(log.length)
              const lagRecords = Number(endOffset - (committedOffset ?? 0n))
              return { topic, partition, committedOffset, endOffset, lagRecords }
            }),
          ),
        )
      },
      listTopics: unused,
      deleteTopics: unused,
      endOffsets: unused,
      close: () => Promise.resolve(),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    })
  }

  /** @internal */
  checkUp(): void {
    if (this.isDown) throw new KafkaError('MR_KAFKA_UNREACHABLE', 'The test took the broker down')
  }
}

interface Owned {
  readonly at: TopicPartition
  readonly abort: AbortController
  readonly generation: number
  next: bigint
  isPaused: boolean
  /** A loop has a batch of it. */
  isHeld: boolean
}

class MemoryConsumer implements GroupConsumer {
  readonly options: GroupConsumerOptions
  readonly #kafka: MemoryKafka
  readonly #group: Group
  readonly #waiting = new Set<Wakeup>()
  #owned: Owned[] = []
  #isClosed = false
  #turn = 0

  constructor(kafka: MemoryKafka, group: Group, options: GroupConsumerOptions) {
    this.#kafka = kafka
    this.#group = group
    this.options = options
  }

  wake(): void {
    for (const wakeup of this.#waiting) wakeup.signal()
  }

  async giveUp(): Promise<void> {
    const given = this.#owned
    if (given.length > 0) await this.options.onRevoked?.(given.map((each) => each.at))
    for (const { abort } of given) abort.abort()
    this.#owned = this.#owned.filter((each) => !given.includes(each))
  }

  async assign(partitions: readonly TopicPartition[], generation: number): Promise<void> {
    await this.options.onAssigned?.(partitions)
    this.#owned = partitions.map((at) => ({
      at,
      generation,
      abort: new AbortController(),
      next: this.#group.committed.get(keyOf(at)) ?? 0n,
      isPaused: false,
      isHeld: false,
    }))
    this.wake()
  }

  async *[Symbol.asyncIterator](): AsyncIterator<InboxBatch> {
    const wakeup = new Wakeup()
    while (!this.#isClosed) {
      const taken = this.#nextBatch()
      if (taken) {
        taken.owned.isHeld = true
        try {
          yield taken.batch
        } finally {
          taken.owned.isHeld = false
          this.wake()
        }
        continue
      }
      this.#waiting.add(wakeup)
      await wakeup.wait(1_000)
      this.#waiting.delete(wakeup)
    }
  }

  #nextBatch(): { readonly owned: Owned; readonly batch: InboxBatch } | undefined {
    for (let step = 0; step < this.#owned.length; step++) {
      const owned = this.#owned[this.#turn++ % this.#owned.length]
      if (!owned || owned.isPaused || owned.isHeld) continue
      const log = this.#kafka.log(owned.at)
      const from = Number(owned.next)
      const records = log.slice(from, from + (this.options.maxBatchRecords ?? 500))
      if (records.length === 0) continue
      owned.next = BigInt(from + records.length)
      return {
        owned,
        batch: {
          ...owned.at,
          records,
          nextOffset: owned.next,
          highWatermark: BigInt(log.length),
          generationId: owned.generation,
          signal: owned.abort.signal,
        },
      }
    }
    return undefined
  }

  async commit(offsets: readonly TopicPartitionOffset[]): Promise<void> {
    this.#kafka.checkUp()
    for (const each of offsets) {
      const owned = this.#find(each)
      if (!owned || owned.abort.signal.aborted || owned.generation !== this.#group.generation)
        throw new KafkaError('MR_KAFKA_FENCED', 'The generation is over')
      this.#group.committed.set(keyOf(each), each.offset)
    }
    await Promise.resolve()
  }

  seek(position: TopicPartitionOffset): void {
    const owned = this.#find(position)
    if (owned) owned.next = position.offset
    this.wake()
  }

  position(at: TopicPartition): bigint | null {
    return this.#find(at)?.next ?? null
  }

  pause(partitions: readonly TopicPartition[]): void {
    this.#setPaused(partitions, true)
  }

  resume(partitions: readonly TopicPartition[]): void {
    this.#setPaused(partitions, false)
  }

  assignment(): readonly TopicPartition[] {
    return this.#owned.map((each) => each.at)
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.wake()
    await this.giveUp()
    this.#group.members.delete(this)
    await this.#kafka.rebalance(this.#group)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #setPaused(partitions: readonly TopicPartition[], isPaused: boolean): void {
    for (const at of partitions) {
      const owned = this.#find(at)
      if (owned) owned.isPaused = isPaused
    }
    this.wake()
  }

  #find(at: TopicPartition): Owned | undefined {
    return this.#owned.find(
      (each) => each.at.topic === at.topic && each.at.partition === at.partition,
    )
  }
}

function keyOf(at: TopicPartition): string {
  return `${at.topic} ${at.partition}`
}

function bytes(value: string | Uint8Array | null): Buffer | null {
  if (value === null) return null
  return typeof value === 'string' ? Buffer.from(value) : Buffer.from(value)
}
