import { createProducer, type ProducerRecord } from '@millrace/kafka'

/** Records of a topic of the suite. */
export interface Filling {
  readonly records: number
  readonly keys: number
  /** Stream time from the first record to the last, ms. */
  readonly spanMs: number
  /** Each key once, in order; else in an order that looks random. */
  readonly isEachOnce?: boolean
}

/**
 * Stream time ends so long before now. Records of another year would do for the applications, and the broker would delete them while they
 * are read: it looks 30 s after its start, and then every 5 minutes, for segments whose newest record is a week old.
 */
const untilNowMs = 60_000
/** One in so many records is `lateByMs` behind. */
const lateEvery = 20
const lateByMs = 5_000
const valueBytes = 100

/**
 * Fills a topic: string keys in an order that looks random and is the same each time, JSON values of 100 bytes, timestamps that rise, 5 % of
 * them 5 s behind.
 */
export async function fillTopic(brokers: string, topic: string, filling: Filling): Promise<void> {
  await using producer = await createProducer({ brokers: [brokers], clientId: 'fill', lingerMs: 5 })
  const { records, keys, spanMs, isEachOnce = false } = filling
  const startMs = Date.now() - untilNowMs - spanMs
  let chunk: ProducerRecord[] = []
  for (let index = 0; index < records; index++) {
    const key = `k${isEachOnce ? index : (Math.imul(index, 0x9e37_79b1) >>> 0) % keys}`
    const time = startMs + Math.floor((index / records) * spanMs)
    const isLate = index % lateEvery === lateEvery - 1
    const timestampMs = isLate ? time - lateByMs : time
    chunk.push({ topic, key, value: valueOf(index, key), timestampMs })
    if (chunk.length < 5_000) continue
    await producer.send(chunk)
    chunk = []
  }
  if (chunk.length > 0) await producer.send(chunk)
}

function valueOf(index: number, key: string): Buffer {
  const text = `{"index":${index},"key":"${key}","padding":"`
  return Buffer.from(`${text.padEnd(valueBytes - 2, 'x')}"}`)
}
