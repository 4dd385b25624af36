import { ProduceEngine } from './produce-engine.ts'
import { ProducerIds } from './producer-ids.ts'
import type { Producer, ProducerOptions, ProducerRecord, RecordMetadata } from './types.ts'

/** Makes a producer. It connects at the first `send`, so a broker that is away fails no start. */
export async function createProducer(options: ProducerOptions): Promise<Producer> {
  return new KafkaProducer(options)
}

class KafkaProducer implements Producer {
  readonly #engine: ProduceEngine

  constructor(options: ProducerOptions) {
    this.#engine = new ProduceEngine(options, (cluster) => new ProducerIds(cluster))
  }

  async send(records: readonly ProducerRecord[]): Promise<readonly RecordMetadata[]> {
    return this.#engine.send(records)
  }

  async close(): Promise<void> {
    await this.#engine.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
