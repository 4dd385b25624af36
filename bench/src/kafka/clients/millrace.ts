/** Ours as a client of the Kafka suite. */
import {
  createConsumer,
  createProducer,
  type ColumnarProducer,
  type Consumer,
  type ConsumerBatch,
  type Producer,
} from '@millrace/kafka'
import {
  checkPatienceMs,
  CheckCount,
  readPayloads,
  secondsSince,
  serveJob,
  type CheckJob,
  type CheckResult,
  type ConsumeJob,
  type ConsumeResult,
  type LatencyJob,
  type LatencyResult,
  type ProduceJob,
  type ProduceResult,
} from './client-job.ts'

/** Records per call; calls that wait for their answers at once. Together they keep the accumulator full, as Java's buffer.memory of 32 MB does. */
const recordsPerCall = 1_000
const bytesUnderWay = 32 * 1024 * 1024

/** Sends `count` records with these values. */
type SendSome = (payloads: readonly Buffer[], count: number) => Promise<unknown>

async function produce(
  job: ProduceJob,
  senderOf: (producer: ColumnarProducer, topic: string) => SendSome,
): Promise<ProduceResult> {
  const payloads = readPayloads(job.payloadFile)
  await using producer = await createProducer({
    brokers: [job.brokers],
    clientId: 'bench',
    batchSizeBytes: job.batchSizeBytes,
    lingerMs: job.lingerMs,
  })
  const sendSome = senderOf(producer, job.topic)
  let left = job.records
  const startedAtMs = performance.now()
  const feed = async (): Promise<void> => {
    while (left > 0) {
      const count = Math.min(left, recordsPerCall)
      left -= count
      await sendSome(payloads, count)
    }
  }
  const feeders = Math.ceil(bytesUnderWay / (recordsPerCall * job.recordBytes))
  await Promise.all(Array.from({ length: feeders }, feed))
  return { records: job.records, seconds: secondsSince(startedAtMs) }
}

/** An object per record, made anew for each call. */
function byObjects(producer: ColumnarProducer, topic: string): SendSome {
  return (payloads, count) =>
    producer.send(
      Array.from({ length: count }, (_, index) => ({
        topic,
        key: null,
        value: payloads[index % payloads.length] ?? null,
      })),
    )
}

/** The values as one column, made anew for each call. */
function byColumns(producer: ColumnarProducer, topic: string): SendSome {
  return (payloads, count) =>
    producer.sendColumns({
      topic,
      values: Array.from(
        { length: count },
        (_, index) => payloads[index % payloads.length] ?? null,
      ),
    })
}

/** Every value is taken as a view of it, as a handler would that parses it; then the batch is let go. */
function valuesByColumn(batch: ConsumerBatch): number {
  using held = batch
  let bytes = 0
  for (let index = 0; index < held.length; index++) bytes += held.value(index)?.length ?? 0
  return bytes
}

/** The same from an object per record. */
function valuesOfObjects(batch: ConsumerBatch): number {
  let bytes = 0
  for (const record of batch.records) bytes += record.value?.length ?? 0
  return bytes
}

async function consume(
  job: ConsumeJob,
  read: (batch: ConsumerBatch) => number,
): Promise<ConsumeResult> {
  let assignedAtMs = 0
  await using consumer = await createConsumer({
    brokers: [job.brokers],
    clientId: 'bench',
    groupId: job.group,
    topics: [job.topic],
    maxBatchRecords: job.maxPollRecords,
    onAssigned: () => {
      assignedAtMs = performance.now()
    },
  })
  let records = 0
  let bytes = 0
  for await (const batch of consumer) {
    bytes += read(batch)
    records += batch.length
    if (records >= job.records) break
  }
  return { records, bytes, seconds: secondsSince(assignedAtMs) }
}

async function check(job: CheckJob): Promise<CheckResult> {
  const count = new CheckCount()
  const consumer = await createConsumer({
    brokers: [job.brokers],
    clientId: 'bench',
    groupId: job.group,
    topics: [job.topic],
    // Through the proxy that the brokers list names, whatever the broker says of itself.
    mapAddress: () => addressOf(job.brokers),
  })
  try {
    for await (const batch of consumer) {
      for (const record of batch.records) count.add(record.value)
      if (count.records >= job.records) setTimeout(() => void consumer.close(), checkPatienceMs)
    }
  } catch (error) {
    return { ...count.result, error: String(error) }
  } finally {
    await consumer.close()
  }
  return count.result
}

function addressOf(text: string): { readonly host: string; readonly port: number } {
  const [host = '', port = ''] = text.split(':')
  return { host, port: Number(port) }
}

async function ack(job: LatencyJob): Promise<LatencyResult> {
  await using producer = await createProducer({ brokers: [job.brokers], clientId: 'bench' })
  const value = Buffer.alloc(job.recordBytes, 'x')
  const samplesMs: number[] = []
  for (let index = 0; index < job.count; index++) {
    const startedAtMs = performance.now()
    await producer.send([{ topic: job.topic, key: null, value }])
    samplesMs.push(performance.now() - startedAtMs)
  }
  return { samplesMs }
}

async function delivery(job: LatencyJob): Promise<LatencyResult> {
  await using producer = await createProducer({ brokers: [job.brokers], clientId: 'bench' })
  await using consumer = await createConsumer({
    brokers: [job.brokers],
    clientId: 'bench',
    groupId: job.group,
    topics: [job.topic],
  })
  return { samplesMs: await roundTrips(job, producer, consumer) }
}

/** Sends the next record when the consumer has the one before; the first shows that both are there and is not counted. */
async function roundTrips(
  job: LatencyJob,
  producer: Producer,
  consumer: Consumer,
): Promise<readonly number[]> {
  const value = Buffer.alloc(job.recordBytes, 'x')
  const samplesMs: number[] = []
  let isFirst = true
  let sentAtMs = performance.now()
  let sent = producer.send([{ topic: job.topic, key: null, value }])
  for await (const _batch of consumer) {
    if (!isFirst) samplesMs.push(performance.now() - sentAtMs)
    isFirst = false
    await sent
    if (samplesMs.length === job.count) break
    sentAtMs = performance.now()
    sent = producer.send([{ topic: job.topic, key: null, value }])
  }
  return samplesMs
}

await serveJob({
  produce: (job: ProduceJob) => produce(job, byColumns),
  'produce-objects': (job: ProduceJob) => produce(job, byObjects),
  consume: (job: ConsumeJob) => consume(job, valuesByColumn),
  'consume-objects': (job: ConsumeJob) => consume(job, valuesOfObjects),
  check,
  ack,
  delivery,
})
