/**
 * What is on its way to one partition: batches that were sent and whose outcome is not known, then batches that wait. Batches go out in
 * order; each keeps its bytes, producer id and sequence until its outcome is known, so the broker can tell a repetition from a new
 * batch (KIP-98) and the order of records never changes.
 *
 * Several batches may be under way at once, five at most: the broker remembers as many. That begins only when one batch has been
 * acknowledged under the identity: a broker that does not know a producer takes any sequence, so a second batch could pass a first
 * that was refused. After a fault batches go out one by one until all that were under way are settled.
 *
 * Owner of all state here: the sender, which runs on one thread and never awaits between check and act.
 */
import type { OutgoingBatch, ProducerIdentity } from './outgoing-batch.ts'

/** Batches of one partition under way at once; brokers recognise repetitions of the last five. */
const maxFlying = 5

/** Sequences are int32 and go on at 0 after the largest (`DefaultRecordBatch.incrementSequence`). */
export function nextSequence(sequence: number, count: number): number {
  return (sequence + count) % 0x8000_0000
}

export class PartitionLane {
  readonly topic: string
  readonly partition: number
  identity: ProducerIdentity | undefined
  /** Of the next batch that has none yet. */
  nextSequence = 0
  /** The broker has acknowledged a batch under the present identity. */
  isProven = false
  /** On the monotonic clock: not to be sent before. */
  retryAtMs = 0
  /** Sent, in the order of their sequences. */
  readonly unresolved: OutgoingBatch[] = []
  /** Not sent yet. The last one takes records unless it is full. */
  readonly waiting: OutgoingBatch[] = []

  constructor(topic: string, partition: number) {
    this.topic = topic
    this.partition = partition
  }

  get hasWork(): boolean {
    return this.unresolved.length > 0 || this.waiting.length > 0
  }

  get isFlying(): boolean {
    return this.unresolved.some((batch) => batch.isFlying)
  }

  /** The batch that takes the next record; `undefined` where a new one is needed. */
  get open(): OutgoingBatch | undefined {
    const last = this.waiting.at(-1)
    return last?.isFull === false ? last : undefined
  }

  /** The batch to be sent next, if the order allows one now. */
  candidate(): OutgoingBatch | undefined {
    const first = this.unresolved[0]
    if (!first) return this.waiting[0]
    if (!this.unresolved.every((batch) => batch.isFlying)) return this.isFlying ? undefined : first
    const mayPipeline = this.isProven && this.unresolved.length < maxFlying
    return mayPipeline ? this.waiting[0] : undefined
  }

  /** The first waiting batch goes out under the next sequence. */
  launch(batch: OutgoingBatch): void {
    this.waiting.shift()
    this.unresolved.push(batch)
    this.nextSequence = nextSequence(batch.baseSequence, batch.recordCount)
  }

  /** The batch's outcome is known. */
  resolve(batch: OutgoingBatch): void {
    this.unresolved.splice(this.unresolved.indexOf(batch), 1)
  }

  /**
   * What was sent goes out again as new batches, after `pieces`, which take the place of the first. Only when nothing is under way.
   * @returns true when some of it may be with the broker already, so that no sequence may be used again
   */
  takeBack(pieces: readonly OutgoingBatch[]): boolean {
    const [first, ...rest] = this.unresolved.splice(0)
    if (!first) return false
    this.nextSequence = first.baseSequence
    this.waiting.unshift(...pieces, ...rest)
    const isInDoubt = first.mayBeApplied || rest.some((batch) => batch.mayBeApplied)
    for (const batch of [...pieces, ...rest]) batch.mayBeApplied = false // Of another identity then.
    return isInDoubt
  }

  /** Begins again at sequence 0, under the identity that is present at the next batch. */
  beginAnew(): void {
    this.identity = undefined
    this.nextSequence = 0
    this.isProven = false
  }
}
