import type { ColumnarProducer, Producer } from '@millrace/kafka'
import { toRecord, type KeyFormatOf, type Places } from './send-chunk.ts'
import { columnsOf, sendColumns } from './send-columns.ts'
import type { PendingEvent } from './sql/read-set.ts'

/** What a lane's leader sends through, one batch at a time. It belongs to one leadership. */
export interface LanePublisher {
  /**
   * Makes sure that nothing an earlier leader of the lane has sent can still arrive, and tells the last batch that is known to be on the
   * topics (0: none, or not known). Does nothing while it holds; to be called before every `publish`.
   * @param confirm called once earlier leaders are shut out; throws when the lane is not led by this one any more
   */
  takeOver(confirm: () => Promise<unknown>): Promise<bigint>
  /**
   * Brings a batch to its topics, unless it is there already.
   * @throws KafkaError `MR_KAFKA_RECORD_REFUSED`; anything else is an outage, after which `takeOver` and the same call are to be repeated
   */
  publish(events: readonly PendingEvent[], batchNo: bigint): Promise<Places>
  close(): Promise<void>
}

/** Sends through an idempotent producer: after a crash a batch may come again, and a relay that wakes up late may send one more. */
export class AtLeastOncePublisher implements LanePublisher {
  readonly #producerOf: () => Promise<Producer>

  readonly #keyFormatOf: KeyFormatOf

  constructor(producerOf: () => Promise<Producer>, keyFormatOf: KeyFormatOf) {
    this.#producerOf = producerOf
    this.#keyFormatOf = keyFormatOf
  }

  async takeOver(): Promise<bigint> {
    return 0n
  }

  async publish(events: readonly PendingEvent[]): Promise<Places> {
    const producer = await this.#producerOf()
    if (hasColumns(producer)) return sendColumns(producer, columnsOf(events, this.#keyFormatOf))
    const rows = await producer.send(
      events.map((event, index) => toRecord(event, index, this.#keyFormatOf)),
    )
    return {
      partitions: rows.map((row) => row.partition),
      offsets: rows.map((row) => Number(row.offset)),
    }
  }

  /** The producer is its owner's. */
  async close(): Promise<void> {}
}

function hasColumns(producer: Producer): producer is ColumnarProducer {
  return 'sendColumns' in producer
}
