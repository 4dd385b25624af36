import { createAdmin, createConsumer, type Consumer, type KafkaOptions } from '@millrace/kafka'

/** Follows a topic as a reader of committed records: how many there are so far, by partition. */
export class CommittedReader implements AsyncDisposable {
  readonly counts: number[]
  readonly #consumer: Consumer
  readonly #reading: Promise<void>

  static async open(kafka: KafkaOptions, topic: string): Promise<CommittedReader> {
    await using admin = await createAdmin(kafka)
    const partitions = (await admin.describeTopics([topic])).get(topic) ?? 0
    const consumer = await createConsumer({ ...kafka, isolationLevel: 'read_committed' })
    consumer.assign(
      Array.from({ length: partitions }, (_, partition) => ({
        topic,
        partition,
        offset: 'earliest' as const,
      })),
    )
    return new CommittedReader(consumer, partitions)
  }

  private constructor(consumer: Consumer, partitions: number) {
    this.counts = Array.from({ length: partitions }, () => 0)
    this.#consumer = consumer
    this.#reading = this.#read()
  }

  get count(): number {
    return this.counts.reduce((sum, each) => sum + each, 0)
  }

  async #read(): Promise<void> {
    for await (const { partition, length } of this.#consumer)
      this.counts[partition] = (this.counts[partition] ?? 0) + length
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#consumer.close()
    await this.#reading
  }
}
