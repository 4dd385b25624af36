/** @platformatic/kafka, through its own producer and consumer, as a client of the Kafka suite. */
import { Consumer, FetchIsolationLevels, Producer } from '@platformatic/kafka'
import {
  checkPatienceMs,
  firstPatienceMs,
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

function client(job: { readonly brokers: string }) {
  return { clientId: 'bench', bootstrapBrokers: [job.brokers] }
}

/** It sends each call as it is: a call is filled with one batch per partition. Its partitioner spreads records without a key one by one. */
async function produce(job: ProduceJob): Promise<ProduceResult> {
  const payloads = readPayloads(job.payloadFile)
  const producer = new Producer({ ...client(job), idempotent: true, acks: -1 })
  const perCall = Math.ceil((job.batchSizeBytes / job.recordBytes) * job.partitions)
  let left = job.records
  const startedAtMs = performance.now()
  while (left > 0) {
    const count = Math.min(left, perCall)
    left -= count
    const messages = Array.from({ length: count }, (_, index) => ({
      topic: job.topic,
      value: payloads[index % payloads.length] as Buffer,
    }))
    await producer.send({ messages })
  }
  const seconds = secondsSince(startedAtMs)
  await producer.close()
  return { records: job.records, seconds }
}

async function open(job: { readonly brokers: string; readonly topic: string }, group: string) {
  const consumer = new Consumer({
    ...client(job),
    groupId: group,
    autocommit: false,
    isolationLevel: FetchIsolationLevels.READ_COMMITTED,
    maxWaitTime: 500,
    maxBytes: 64 * 1024 * 1024,
    highWaterMark: 10_000,
  })
  const stream = await consumer.consume({
    topics: [job.topic],
    mode: 'committed',
    fallbackMode: 'earliest',
  })
  return { consumer, stream }
}

async function consume(job: ConsumeJob): Promise<ConsumeResult> {
  const { consumer, stream } = await open(job, job.group)
  const assignedAtMs = performance.now()
  let records = 0
  let bytes = 0
  for await (const message of stream) {
    bytes += message.value?.length ?? 0
    if (++records >= job.records) break
  }
  const seconds = secondsSince(assignedAtMs)
  await consumer.close(true)
  return { records, bytes, seconds }
}

async function check(job: CheckJob): Promise<CheckResult> {
  const { consumer, stream } = await open(job, job.group)
  const count = new CheckCount()
  let timer = setTimeout(() => void stream.close(), firstPatienceMs)
  try {
    for await (const message of stream) {
      count.add(message.value ?? null)
      clearTimeout(timer)
      timer = setTimeout(() => void stream.close(), checkPatienceMs)
    }
  } catch (error) {
    return { ...count.result, error: String(error) }
  } finally {
    clearTimeout(timer)
    await consumer.close(true)
  }
  return count.result
}

async function ack(job: LatencyJob): Promise<LatencyResult> {
  const producer = new Producer({ ...client(job), idempotent: true, acks: -1 })
  const value = Buffer.alloc(job.recordBytes, 'x')
  const samplesMs: number[] = []
  for (let index = 0; index < job.count; index++) {
    const startedAtMs = performance.now()
    await producer.send({ messages: [{ topic: job.topic, value }] })
    samplesMs.push(performance.now() - startedAtMs)
  }
  await producer.close()
  return { samplesMs }
}

await serveJob({ produce, consume, check, ack })
