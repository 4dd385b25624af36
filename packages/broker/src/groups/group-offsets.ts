import type { CommittedOffsetRow, OffsetsDeletedRecord, OffsetsRecord } from './group-records.ts'

export interface CommittedOffset {
  /** The next offset to read. */
  readonly offset: number
  readonly leaderEpoch: number
  /** The client's own note, given back as it came. */
  readonly metadata: string
  readonly committedMs: number
}

/** Committed offsets of one group, by topic and partition. Changed by replaying journal records, live and at start alike. */
export class GroupOffsets {
  readonly #topics = new Map<string, Map<number, CommittedOffset>>()

  get isEmpty(): boolean {
    return this.#topics.size === 0
  }

  get(topic: string, partition: number): CommittedOffset | undefined {
    return this.#topics.get(topic)?.get(partition)
  }

  *entries(): Generator<readonly [topic: string, partition: number, committed: CommittedOffset]> {
    for (const [topic, partitions] of this.#topics)
      for (const [partition, committed] of partitions) yield [topic, partition, committed]
  }

  apply(record: OffsetsRecord): void {
    const { committedMs } = record
    for (const [topic, partition, offset, leaderEpoch, metadata] of record.offsets) {
      let partitions = this.#topics.get(topic)
      if (partitions === undefined) this.#topics.set(topic, (partitions = new Map()))
      partitions.set(partition, { offset, leaderEpoch, metadata, committedMs })
    }
  }

  applyDeletion(record: OffsetsDeletedRecord): void {
    for (const [topic, partition] of record.partitions) {
      const partitions = this.#topics.get(topic)
      partitions?.delete(partition)
      if (partitions?.size === 0) this.#topics.delete(topic)
    }
  }

  /** As records, one per time of commit. */
  toRecords(groupId: string): OffsetsRecord[] {
    const byTime = new Map<number, CommittedOffsetRow[]>()
    for (const [topic, partition, committed] of this.entries()) {
      const rows = byTime.get(committed.committedMs) ?? []
      byTime.set(committed.committedMs, rows)
      rows.push([topic, partition, committed.offset, committed.leaderEpoch, committed.metadata])
    }
    return [...byTime].map(([committedMs, offsets]) => ({
      type: 'offsets',
      groupId,
      committedMs,
      offsets,
    }))
  }
}
