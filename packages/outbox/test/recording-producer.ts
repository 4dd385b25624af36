import { MillraceError } from '@millrace/core'
import type { Producer, ProducerRecord, RecordMetadata } from '@millrace/kafka'

/** A topic in memory: what was acknowledged, in order, and switches for what a broker may do. */
export class RecordingProducer implements Producer {
  readonly records: ProducerRecord[] = []
  readonly sends: number[] = []
  /** Every send fails while set. */
  isDown = false
  /** Records the broker never takes. */
  isRefused: (record: ProducerRecord) => boolean = () => false
  /** Tells which record was refused, as a broker may or may not do. */
  namesRefused = false
  /** Runs before records are appended. */
  beforeAppend: (() => void | Promise<void>) | undefined
  isClosed = false

  async send(records: readonly ProducerRecord[]): Promise<readonly RecordMetadata[]> {
    this.sends.push(records.length)
    if (this.isDown)
      throw new MillraceError('MR_KAFKA_DELIVERY_FAILED', true, 'the broker is down (test)')
    const index = records.findIndex((record) => this.isRefused(record))
    if (index >= 0)
      throw new MillraceError(
        'MR_KAFKA_RECORD_REFUSED',
        false,
        'the broker refuses a record (test)',
        this.namesRefused ? { index } : {},
      )
    await this.beforeAppend?.()
    const base = this.records.length
    this.records.push(...records)
    return records.map((record, position) => ({
      topic: record.topic,
      partition: 0,
      offset: BigInt(base + position),
    }))
  }

  /** Event ids in the order of the topic. */
  get eventIds(): readonly string[] {
    return this.records.map((record) => eventIdOf(record))
  }

  async close(): Promise<void> {
    this.isClosed = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

export function eventIdOf(record: ProducerRecord): string {
  const header = record.headers?.find(([name]) => name === 'ce_id')
  return String(header?.[1])
}

/** The value of a record. */
export function envelopeOf(record: ProducerRecord): {
  readonly aggregateId: string
  readonly aggregateVersion: number | null
} {
  return JSON.parse(String(record.value))
}
