/** kafkajs as a client of the Kafka suite. */
import { Kafka, logLevel, type Consumer } from 'kafkajs'
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

function client(job: { readonly brokers: string }): Kafka {
  return new Kafka({ clientId: 'bench', brokers: [job.brokers], logLevel: logLevel.NOTHING })
}

/** It sends each call as it is: a call is filled with one batch per partition. An idempotent producer of it allows one request under way. */
async function produce(job: ProduceJob): Promise<ProduceResult> {
  const payloads = readPayloads(job.payloadFile)
  const producer = client(job).producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  const perCall = Math.ceil((job.batchSizeBytes / job.recordBytes) * job.partitions)
  let left = job.records
  const startedAtMs = performance.now()
  while (left > 0) {
    const count = Math.min(left, perCall)
    left -= count
    const messages = Array.from({ length: count }, (_, index) => ({
      value: payloads[index % payloads.length] ?? null,
    }))
    await producer.send({ topic: job.topic, acks: -1, messages })
  }
  const seconds = secondsSince(startedAtMs)
  await producer.disconnect()
  return { records: job.records, seconds }
}

function consumerOf(job: { readonly brokers: string; readonly group: string }): Consumer {
  return client(job).consumer({
    groupId: job.group,
    readUncommitted: false,
    maxWaitTimeInMs: 500,
    maxBytes: 64 * 1024 * 1024,
  })
}

async function consume(job: ConsumeJob): Promise<ConsumeResult> {
  const consumer = consumerOf(job)
  const done = Promise.withResolvers<number>()
  let assignedAtMs = 0
  let records = 0
  let bytes = 0
  consumer.on(consumer.events.GROUP_JOIN, () => {
    assignedAtMs = performance.now()
  })
  await consumer.connect()
  await consumer.subscribe({ topics: [job.topic], fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    partitionsConsumedConcurrently: 4,
    eachBatch: async ({ batch }) => {
      for (const message of batch.messages) bytes += message.value?.length ?? 0
      records += batch.messages.length
      if (records >= job.records) done.resolve(secondsSince(assignedAtMs))
    },
  })
  const seconds = await done.promise
  await consumer.disconnect()
  return { records, bytes, seconds }
}

async function check(job: CheckJob): Promise<CheckResult> {
  const consumer = consumerOf(job)
  const count = new CheckCount()
  const done = Promise.withResolvers<CheckResult>()
  const finish = (): void => done.resolve(count.result)
  let timer = setTimeout(finish, firstPatienceMs)
  consumer.on(consumer.events.CRASH, ({ payload }) =>
    done.resolve({ ...count.result, error: String(payload.error) }),
  )
  await consumer.connect()
  await consumer.subscribe({ topics: [job.topic], fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch }) => {
      for (const message of batch.messages) count.add(message.value)
      clearTimeout(timer)
      timer = setTimeout(finish, checkPatienceMs)
    },
  })
  const result = await done.promise
  clearTimeout(timer)
  await consumer.disconnect()
  return result
}

async function ack(job: LatencyJob): Promise<LatencyResult> {
  const producer = client(job).producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  const value = Buffer.alloc(job.recordBytes, 'x')
  const samplesMs: number[] = []
  for (let index = 0; index < job.count; index++) {
    const startedAtMs = performance.now()
    await producer.send({ topic: job.topic, acks: -1, messages: [{ value }] })
    samplesMs.push(performance.now() - startedAtMs)
  }
  await producer.disconnect()
  return { samplesMs }
}

await serveJob({ produce, consume, check, ack })
