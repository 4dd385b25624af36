import { ProduceEngine } from './produce-engine.ts'
import { notIdempotent, ProducerIds } from './producer-ids.ts'
import type {
  ColumnarProducer,
  ProducerColumns,
  ProducerOptions,
  ProducerRecord,
  RecordMetadata,
  SentColumns,
} from './types.ts'

/** Makes a producer. It connects at the first `send`, so a broker that is away fails no start. */
export async function createProducer(options: ProducerOptions): Promise<ColumnarProducer> {
  return new KafkaProducer(options)
}

class KafkaProducer implements ColumnarProducer {
  readonly #engine: ProduceEngine

  constructor(options: ProducerOptions) {
    this.#engine = new ProduceEngine(options, (cluster) =>
      (options.acks ?? 'all') === 'all' ? new ProducerIds(cluster) : notIdempotent,
    )
  }

  async send(records: readonly ProducerRecord[]): Promise<readonly RecordMetadata[]> {
    return this.#engine.send(records)
  }

  async sendColumns(columns: ProducerColumns): Promise<SentColumns> {
    return this.#engine.sendColumns(columns)
  }

  async close(): Promise<void> {
    await this.#engine.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
