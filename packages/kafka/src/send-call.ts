import { KafkaError } from './errors.ts'
import type { ProducerColumns, RecordMetadata } from './types.ts'

/** One `send` under way: collects where its records went and settles once, when all are acknowledged or one has failed. */
export class SendCall {
  readonly deadlineMs: number
  /** Without a value: what was acknowledged stands in `partitions` and `offsets`. */
  readonly settled: Promise<void>
  /** By the record's place in the call. */
  readonly partitions: Int32Array
  /** -1 where the broker did not tell. Offsets fit into a double up to 2^53. */
  readonly offsets: Float64Array
  readonly #resolve: () => void
  readonly #reject: (error: KafkaError) => void
  readonly #onRefused: ProducerColumns['onRefused']
  #remaining: number
  #isSettled = false

  /** @param deadlineMs on the monotonic clock */
  constructor(recordCount: number, deadlineMs: number, onRefused?: ProducerColumns['onRefused']) {
    this.deadlineMs = deadlineMs
    this.#onRefused = onRefused
    this.#remaining = recordCount
    this.partitions = new Int32Array(recordCount)
    this.offsets = new Float64Array(recordCount)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.settled = promise
    this.#resolve = resolve
    this.#reject = reject
  }

  /** Nothing of this call needs sending any more. */
  get isSettled(): boolean {
    return this.#isSettled
  }

  acknowledge(index: number, partition: number, offset: number): void {
    if (this.#isSettled) return
    this.partitions[index] = partition
    this.offsets[index] = offset
    if (--this.#remaining > 0) return
    this.#isSettled = true
    this.#resolve()
  }

  /** Asks the caller about a record that will never be taken: true where the call goes on without it, which then has no place. */
  leavesOut(index: number, error: KafkaError): boolean {
    if (this.#isSettled || !this.#onRefused?.(index, error)) return false
    this.acknowledge(index, -1, -1)
    return true
  }

  /** As `leavesOut`, for all records of a call of which none was sent. */
  leavesOutAll(error: KafkaError): boolean {
    for (let index = 0; index < this.partitions.length; index++)
      if (!this.leavesOut(index, error)) return false
    return true
  }

  fail(error: KafkaError): void {
    if (this.#isSettled) return
    this.#isSettled = true
    this.#reject(error)
  }

  /** One row per record, in the order given. */
  rows(topicOf: (index: number) => string): readonly RecordMetadata[] {
    return Array.from(this.partitions, (partition, index) => ({
      topic: topicOf(index),
      partition,
      offset: BigInt(this.offsets[index] as number),
    }))
  }
}

/** The call is of no use as it is: something in its records has no form in Kafka. */
export function unencodable(cause: unknown): KafkaError {
  return new KafkaError(
    'MR_KAFKA_RECORD_REFUSED',
    `A record cannot be written as a Kafka record: ${String(cause)}. None of the records was sent.`,
    {},
    { cause },
  )
}
