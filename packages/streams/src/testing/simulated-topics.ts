import { partitionForKey } from '@millrace/kafka'
import type { Headers, RawRecord } from '../record.ts'

/** A record before it is known where in its topic it comes to lie. */
export interface OutgoingRecord {
  readonly topic: string
  /** Undefined leaves it to the key's hash. */
  readonly partition: number | undefined
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly timestamp: number
  readonly headers: Headers
}

/** The topics of a cluster, in memory. Only committed records are in them. */
export class SimulatedTopics {
  readonly #counts: ReadonlyMap<string, number>
  readonly #defaultCount: number
  readonly #logs = new Map<string, RawRecord[][]>()
  /** Where records without key go next: each partition in turn, so that runs are equal. */
  readonly #nextKeyless = new Map<string, number>()

  constructor(counts: ReadonlyMap<string, number>, defaultCount: number) {
    this.#counts = counts
    this.#defaultCount = defaultCount
  }

  partitionCount(topic: string): number {
    return this.#counts.get(topic) ?? this.#defaultCount
  }

  /** Records of a partition, by offset. */
  log(topic: string, partition: number): readonly RawRecord[] {
    return this.#logsOf(topic)[partition] ?? []
  }

  /** @throws RangeError where the partition does not exist */
  append(record: OutgoingRecord): RawRecord {
    const { topic, partition = this.#chosen(record) } = record
    const log = this.#logsOf(topic)[partition]
    if (!log)
      throw new RangeError(
        `"${topic}" has ${this.partitionCount(topic)} partitions, and no partition ${partition}.`,
      )
    const written: RawRecord = { ...record, partition, offset: log.length }
    log.push(written)
    return written
  }

  #chosen({ topic, key }: OutgoingRecord): number {
    const count = this.partitionCount(topic)
    if (key !== null) return partitionForKey(key, count)
    const next = this.#nextKeyless.get(topic) ?? 0
    this.#nextKeyless.set(topic, (next + 1) % count)
    return next
  }

  #logsOf(topic: string): RawRecord[][] {
    let logs = this.#logs.get(topic)
    if (!logs) {
      logs = Array.from({ length: this.partitionCount(topic) }, () => [])
      this.#logs.set(topic, logs)
    }
    return logs
  }
}
