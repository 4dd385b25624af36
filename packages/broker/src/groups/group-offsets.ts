import type {
  CommittedOffsetRow,
  OffsetsDeletedRecord,
  OffsetsRecord,
  PendingOffsetsRecord,
} from './group-records.ts'

export interface CommittedOffset {
  /** The next offset to read. */
  readonly offset: number
  readonly leaderEpoch: number
  /** The client's own note, given back as it came. */
  readonly metadata: string
  readonly committedMs: number
}

/** Offsets by topic and partition. */
type OffsetTable = Map<string, Map<number, CommittedOffset>>

/**
 * Committed offsets of one group, and those that wait for the end of their transaction, by producer. Changed by replaying journal records,
 * live and at start alike.
 */
export class GroupOffsets {
  readonly #topics: OffsetTable = new Map()
  readonly #pending = new Map<number, OffsetTable>()

  get isEmpty(): boolean {
    return this.#topics.size === 0 && this.#pending.size === 0
  }

  /** True while an open transaction may still change the offset (KIP-447). */
  isPending(topic: string, partition: number): boolean {
    for (const offsets of this.#pending.values())
      if (offsets.get(topic)?.has(partition) === true) return true
    return false
  }

  /** Every offset that waits for a transaction. */
  *pendingEntries(): Generator<readonly [topic: string, partition: number]> {
    for (const offsets of this.#pending.values())
      for (const [topic, partitions] of offsets)
        for (const partition of partitions.keys()) yield [topic, partition]
  }

  get(topic: string, partition: number): CommittedOffset | undefined {
    return this.#topics.get(topic)?.get(partition)
  }

  *entries(): Generator<readonly [topic: string, partition: number, committed: CommittedOffset]> {
    yield* entriesOf(this.#topics)
  }

  apply(record: OffsetsRecord): void {
    const { committedMs } = record
    for (const [topic, partition, offset, leaderEpoch, metadata] of record.offsets) {
      setIn(this.#topics, topic, partition, { offset, leaderEpoch, metadata, committedMs })
      // The later commit wins: what a transaction has committed before it cannot take effect any more.
      this.#dropPending(topic, partition)
    }
  }

  applyPending(record: PendingOffsetsRecord): void {
    const { committedMs, producerId } = record
    const offsets: OffsetTable = this.#pending.get(producerId) ?? new Map()
    this.#pending.set(producerId, offsets)
    for (const [topic, partition, offset, leaderEpoch, metadata] of record.offsets)
      setIn(offsets, topic, partition, { offset, leaderEpoch, metadata, committedMs })
  }

  /** The producer's transaction has ended. Nothing happens when it has no offsets here, or they were applied already. */
  endTransaction(producerId: number, isCommit: boolean): void {
    const offsets = this.#pending.get(producerId)
    this.#pending.delete(producerId)
    if (!isCommit || offsets === undefined) return
    for (const [topic, partition, committed] of entriesOf(offsets))
      setIn(this.#topics, topic, partition, committed)
  }

  applyDeletion(record: OffsetsDeletedRecord): void {
    for (const [topic, partition] of record.partitions) {
      const partitions = this.#topics.get(topic)
      partitions?.delete(partition)
      if (partitions?.size === 0) this.#topics.delete(topic)
      this.#dropPending(topic, partition)
    }
  }

  /** As records, one per time of commit; what is pending after what is committed. */
  *toRecords(groupId: string): Generator<OffsetsRecord | PendingOffsetsRecord> {
    for (const [committedMs, offsets] of rowsByTime(this.#topics))
      yield { type: 'offsets', groupId, committedMs, offsets }
    for (const [producerId, table] of this.#pending)
      for (const [committedMs, offsets] of rowsByTime(table))
        yield { type: 'pendingOffsets', groupId, producerId, committedMs, offsets }
  }

  #dropPending(topic: string, partition: number): void {
    for (const [producerId, offsets] of this.#pending) {
      const partitions = offsets.get(topic)
      partitions?.delete(partition)
      if (partitions?.size === 0) offsets.delete(topic)
      if (offsets.size === 0) this.#pending.delete(producerId)
    }
  }
}

function setIn(
  table: OffsetTable,
  topic: string,
  partition: number,
  committed: CommittedOffset,
): void {
  let partitions = table.get(topic)
  if (partitions === undefined) table.set(topic, (partitions = new Map()))
  partitions.set(partition, committed)
}

function* entriesOf(
  table: OffsetTable,
): Generator<readonly [topic: string, partition: number, committed: CommittedOffset]> {
  for (const [topic, partitions] of table)
    for (const [partition, committed] of partitions) yield [topic, partition, committed]
}

function rowsByTime(table: OffsetTable): Map<number, CommittedOffsetRow[]> {
  const byTime = new Map<number, CommittedOffsetRow[]>()
  for (const [topic, partition, committed] of entriesOf(table)) {
    const rows = byTime.get(committed.committedMs) ?? []
    byTime.set(committed.committedMs, rows)
    rows.push([topic, partition, committed.offset, committed.leaderEpoch, committed.metadata])
  }
  return byTime
}
