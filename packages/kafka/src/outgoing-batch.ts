/**
 * Records of one partition that become one record batch. They are encoded when they are added, while earlier requests are under way;
 * the header is stamped when the batch is sent. Which record belongs to which call stands in two columns, so a record costs no object.
 *
 * Owner of all state here: the sender, which runs on one thread and never awaits between check and act.
 */
import {
  RecordColumns,
  type RecordBatchBuilder,
  type RecordBytes,
  type RecordHeadersInput,
} from '@millrace/protocol'
import type { KafkaError } from './errors.ts'
import type { SendCall } from './send-call.ts'

/** From InitProducerId; -1/-1 is a producer that is not idempotent. Sequences count per identity and partition. */
export interface ProducerIdentity {
  readonly producerId: number
  readonly producerEpoch: number
}

export interface BatchStamp {
  readonly codec: number
  readonly identity: ProducerIdentity
  readonly baseSequence: number
  readonly transactional: boolean
}

const minStartRecords = 16

export class OutgoingBatch {
  readonly #builder: RecordBatchBuilder
  /** The calls that its records belong to; one that comes back after another stands here twice. */
  readonly #calls: SendCall[] = []
  /** Per record: its place in `#calls`, and its place in the call. */
  #owners: Int32Array<ArrayBuffer>
  /** On the monotonic clock: when its first record was added. */
  readonly createdAtMs: number
  /** Takes no more records. */
  isFull = false
  /** The end of the call that waits longest. */
  lastDeadlineMs = 0

  /** What was sent, and is sent again byte for byte until its outcome is known. A view of the builder's memory where not compressed. */
  bytes: Buffer = emptyBytes
  identity: ProducerIdentity | undefined
  baseSequence = 0
  /** A request with it is being answered. */
  isFlying = false
  failedAttempts = 0
  /** True from the first attempt whose outcome is unknown: the broker may hold these records. */
  mayBeApplied = false
  /** What is to be done once nothing of the partition is under way. */
  verdict: (() => void) | undefined

  /**
   * @param builder empty; it is the batch's until `release`
   * @param expectedRecords what is made room for; more may come
   */
  constructor(builder: RecordBatchBuilder, createdAtMs: number, expectedRecords = minStartRecords) {
    this.#builder = builder
    this.#owners = new Int32Array(Math.max(minStartRecords, expectedRecords) * 2)
    this.createdAtMs = createdAtMs
  }

  get recordCount(): number {
    return this.#builder.recordCount
  }

  /** Size before compression, header included. */
  get sizeBytes(): number {
    return this.#builder.sizeBytes
  }

  /** @throws ProtocolError, TypeError for what cannot be encoded; the batch is then as it was */
  add(
    call: SendCall,
    index: number,
    key: RecordBytes,
    value: RecordBytes,
    headers: RecordHeadersInput,
    timestampMs: number,
  ): void {
    const at = this.recordCount * 2
    this.#builder.add(key, value, headers, timestampMs)
    if (this.#calls.at(-1) !== call) this.#calls.push(call)
    if (at === this.#owners.length) {
      const grown = new Int32Array(at * 2)
      grown.set(this.#owners)
      this.#owners = grown
    }
    this.#owners[at] = this.#calls.length - 1
    this.#owners[at + 1] = index
    if (call.deadlineMs > this.lastDeadlineMs) this.lastDeadlineMs = call.deadlineMs
  }

  /** Makes its bytes, under this identity and sequence. */
  stamp({ codec, identity, baseSequence, transactional }: BatchStamp): void {
    this.identity = identity
    this.baseSequence = baseSequence
    this.bytes = this.#builder.build({ codec, ...identity, baseSequence, transactional })
  }

  /** Every call has been given up: nobody waits for it. */
  get isUnwanted(): boolean {
    return this.#calls.every((call) => call.isSettled)
  }

  /** Some records belong to calls that were given up. */
  get hasUnwanted(): boolean {
    return this.#calls.some((call) => call.isSettled)
  }

  isUnwantedAt(delta: number): boolean {
    return this.#callAt(delta).isSettled
  }

  /** @param baseOffset -1 where the broker did not tell */
  acknowledge(partition: number, baseOffset: number): void {
    const count = this.recordCount
    for (let delta = 0; delta < count; delta++)
      this.#callAt(delta).acknowledge(
        this.indexAt(delta),
        partition,
        baseOffset < 0 ? -1 : baseOffset + delta,
      )
  }

  /** Asks the caller of one record to go on without it. */
  leavesOutAt(delta: number, error: KafkaError): boolean {
    return this.#callAt(delta).leavesOut(this.indexAt(delta), error)
  }

  /** Fails the call of one record. */
  failAt(delta: number, error: KafkaError): void {
    this.#callAt(delta).fail(error)
  }

  /** The record's place in its call. */
  indexAt(delta: number): number {
    return this.#owners[delta * 2 + 1] as number
  }

  /** Copies the records that `isKept` wants into `target`, in order. The batch itself stays as it is, but for its bytes. */
  copyTo(target: OutgoingBatch, isKept: (delta: number) => boolean): OutgoingBatch {
    const columns = new RecordColumns()
    columns.read(this.#builder.build(), 0)
    for (let delta = 0; delta < columns.count; delta++) {
      if (!isKept(delta)) continue
      const [key, value, headers] = [
        columns.key(delta),
        columns.value(delta),
        columns.headers(delta),
      ]
      const timestampMs = columns.timestampMs(delta)
      target.add(this.#callAt(delta), this.indexAt(delta), key, value, headers, timestampMs)
    }
    target.isFull = true
    return target
  }

  /** Ends the batch and gives its memory back. */
  release(): RecordBatchBuilder {
    this.bytes = emptyBytes
    this.#builder.reset()
    return this.#builder
  }

  #callAt(delta: number): SendCall {
    return this.#calls[this.#owners[delta * 2] as number] as SendCall
  }
}

const emptyBytes = Buffer.alloc(0)
