/**
 * What waits to be sent to one partition. At most one batch of a partition is under way; it is encoded once and resent byte for
 * byte, with the same producer id and sequence, until its outcome is known, so the broker can tell a repetition from a new batch
 * (KIP-98) and the order of records never changes.
 *
 * Owner of all state here: the producer's pump (`producer.ts`), which runs on one thread and never awaits between check and act.
 */
import { batchHeaderBytes, type RecordBytes, type RecordHeaderInput } from '@millrace/protocol'
import type { SendCall } from './send-call.ts'

export interface QueuedRecord {
  readonly call: SendCall
  /** Place in the call's records. */
  readonly index: number
  readonly key: RecordBytes
  readonly value: RecordBytes
  readonly headers: readonly RecordHeaderInput[]
  readonly timestampMs: number
  /** Upper bound of its encoded size. */
  readonly sizeBytes: number
}

/** From InitProducerId. Sequences count per identity and partition. */
export interface ProducerIdentity {
  readonly producerId: number
  readonly producerEpoch: number
}

/** Records that became one record batch. */
export interface OutgoingBatch {
  readonly records: readonly QueuedRecord[]
  readonly bytes: Buffer
  readonly identity: ProducerIdentity
  readonly baseSequence: number
  failedAttempts: number
  /** True from the first attempt whose outcome is unknown: the broker may hold these records. */
  mayBeApplied: boolean
}

/** Sequences are int32 and go on at 0 after the largest (`DefaultRecordBatch.incrementSequence`). */
export function nextSequence(sequence: number, count: number): number {
  return (sequence + count) % 0x8000_0000
}

export class PartitionLane {
  readonly topic: string
  readonly partition: number
  /** Under way or waiting for its next attempt. */
  batch: OutgoingBatch | undefined
  identity: ProducerIdentity | undefined
  nextSequence = 0
  /** On the monotonic clock: not to be sent before. */
  retryAtMs = 0
  /** A request with this lane's batch is being answered. */
  isInFlight = false
  /** Records to be sent before the queue, cut where the broker refused them together. */
  #cut: (readonly QueuedRecord[])[] = []
  #queue: QueuedRecord[] = []
  #head = 0

  constructor(topic: string, partition: number) {
    this.topic = topic
    this.partition = partition
  }

  get hasWork(): boolean {
    return this.batch !== undefined || this.#cut.length > 0 || this.#head < this.#queue.length
  }

  push(record: QueuedRecord): void {
    this.#queue.push(record)
  }

  /**
   * Takes the next records for one batch: as many as fit into `limitBytes`, at least one. Records whose call has failed are left
   * out; `dropped` gets them.
   */
  take(limitBytes: number, dropped: (record: QueuedRecord) => void): readonly QueuedRecord[] {
    while (this.#cut.length > 0) {
      const records = (this.#cut.shift() as readonly QueuedRecord[]).filter((record) => {
        if (record.call.isSettled) dropped(record)
        return !record.call.isSettled
      })
      if (records.length > 0) return records
    }
    const taken: QueuedRecord[] = []
    let size = batchHeaderBytes
    for (; this.#head < this.#queue.length; this.#head++) {
      const record = this.#queue[this.#head] as QueuedRecord
      if (record.call.isSettled) {
        dropped(record)
        continue
      }
      if (taken.length > 0 && size + record.sizeBytes > limitBytes) break
      size += record.sizeBytes
      taken.push(record)
    }
    this.#compact()
    return taken
  }

  /** Lets go of waiting records whose call has failed; `dropped` gets them. */
  dropSettled(dropped: (record: QueuedRecord) => void): void {
    const keep = (record: QueuedRecord): boolean => {
      if (record.call.isSettled) dropped(record)
      return !record.call.isSettled
    }
    this.#cut = this.#cut.map((piece) => piece.filter(keep)).filter((piece) => piece.length > 0)
    this.#queue = this.#queue.slice(this.#head).filter(keep)
    this.#head = 0
  }

  /** Gives back records that the broker refused together, to be tried again in these pieces, before everything else. */
  giveBack(...pieces: readonly (readonly QueuedRecord[])[]): void {
    this.#cut.unshift(...pieces)
  }

  #compact(): void {
    if (this.#head === this.#queue.length) this.#queue = []
    else if (this.#head > 4_096) this.#queue = this.#queue.slice(this.#head)
    else return
    this.#head = 0
  }
}
