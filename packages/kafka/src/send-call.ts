import { KafkaError } from './errors.ts'
import type { RecordMetadata } from './types.ts'

/** One `send` under way: collects where its records went and settles once, when all are acknowledged or one has failed. */
export class SendCall {
  readonly deadlineMs: number
  readonly settled: Promise<readonly RecordMetadata[]>
  readonly #rows: RecordMetadata[]
  readonly #resolve: (rows: readonly RecordMetadata[]) => void
  readonly #reject: (error: KafkaError) => void
  #remaining: number
  #isSettled = false

  /** @param deadlineMs on the monotonic clock */
  constructor(recordCount: number, deadlineMs: number) {
    this.deadlineMs = deadlineMs
    this.#remaining = recordCount
    this.#rows = Array.from({ length: recordCount })
    const { promise, resolve, reject } = Promise.withResolvers<readonly RecordMetadata[]>()
    this.settled = promise
    this.#resolve = resolve
    this.#reject = reject
  }

  /** Nothing of this call needs sending any more. */
  get isSettled(): boolean {
    return this.#isSettled
  }

  acknowledge(index: number, row: RecordMetadata): void {
    if (this.#isSettled) return
    this.#rows[index] = row
    if (--this.#remaining > 0) return
    this.#isSettled = true
    this.#resolve(this.#rows)
  }

  fail(error: KafkaError): void {
    if (this.#isSettled) return
    this.#isSettled = true
    this.#reject(error)
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
