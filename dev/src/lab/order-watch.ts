import { ordersTopic, paymentOrdersTopic, stockOrdersTopic } from '@millrace/contracts'
import { toError, type Clock } from '@millrace/core'
import { createConsumer, ensureTopicsOnceReachable, type Consumer } from '@millrace/kafka'
import { OrderHistory, type OrderFindings } from './order-history.ts'

const topics = [ordersTopic, paymentOrdersTopic, stockOrdersTopic]

/** Reads the saga's topics from their beginning into a history, as long as somebody wants it. */
export class OrderWatch implements AsyncDisposable {
  readonly #brokers: () => string
  readonly #clock: Clock
  readonly #history = new OrderHistory()
  readonly #closing = new AbortController()
  #reading: Promise<void> | undefined
  #consumer: Consumer | undefined
  #fault: string | null = null

  constructor(brokers: () => string, clock: Clock) {
    this.#brokers = brokers
    this.#clock = clock
  }

  /** What was found so far; begins to read at the first call. `fault` says why it reads no more. */
  look(): OrderFindings & { readonly fault: string | null } {
    this.#reading ??= this.#read().catch((error: unknown) => {
      this.#fault = toError(error).message
    })
    return { ...this.#history.findings(this.#clock.now()), fault: this.#fault }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#consumer?.close()
    await this.#reading
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #read(): Promise<void> {
    const { signal } = this.#closing
    const kafka = { brokers: [this.#brokers()], clientId: 'lab' }
    if (!(await ensureTopicsOnceReachable({ kafka, topics, signal, clock: this.#clock }))) return
    const consumer = await createConsumer({ ...kafka, isolationLevel: 'read_committed' })
    // Closed meanwhile.
    if (signal.aborted) return consumer.close()
    this.#consumer = consumer
    consumer.assign(
      topics.flatMap(({ name, partitions }) =>
        Array.from({ length: partitions }, (_, partition) => ({
          topic: name,
          partition,
          offset: 'earliest' as const,
        })),
      ),
    )
    for await (using batch of consumer)
      for (const record of batch) this.#history.add(batch.topic, record.value, record.timestampMs)
  }
}
