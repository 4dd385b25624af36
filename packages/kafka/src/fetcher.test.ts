/** What is fetched when, as a broker sees it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compressionCodecs, RecordBatchBuilder } from '@millrace/protocol'
import { startScriptedBroker, type Asked, type ScriptedBroker } from '../test/scripted-broker.ts'
import { createConsumer, type Consumer, type ConsumerOptions } from './index.ts'

const topic = 't'
const perAnswer = 10

interface Scene extends AsyncDisposable {
  readonly consumer: Consumer
  /** Offsets that were fetched from, in order. */
  readonly asked: readonly number[]
  /** Most bytes that were asked for, of the answer and of the partition; each kind once. */
  readonly sizes: ReadonlySet<string>
}

/** A topic of one partition whose every ten records are one answer, made by `answerAt`. */
async function scene(
  answerAt: (offset: number, attempt: number) => Buffer,
  options: Partial<ConsumerOptions> = {},
): Promise<Scene> {
  const asked: number[] = []
  const sizes = new Set<string>()
  const broker: ScriptedBroker = await startScriptedBroker((request) => {
    if (request.api.name === 'Metadata') return request.answer(metadata(broker))
    const offset = fetchOffsetOf(request)
    sizes.add(sizesOf(request))
    asked.push(offset)
    const attempt = asked.filter((each) => each === offset).length
    request.answer(fetched(answerAt(offset, attempt)))
  })
  const consumer = await createConsumer({
    brokers: [`${broker.host}:${broker.port}`],
    clientId: 'fetcher-test',
    ...options,
  })
  consumer.assign([{ topic, partition: 0, offset: 0n }])
  return {
    consumer,
    asked,
    sizes,
    [Symbol.asyncDispose]: async () => {
      await consumer.close()
      await broker[Symbol.asyncDispose]()
    },
  }
}

function batchAt(offset: number, codec: number = compressionCodecs.none, valueBytes = 100): Buffer {
  const builder = new RecordBatchBuilder()
  for (let index = 0; index < perAnswer; index++)
    builder.add(null, Buffer.alloc(valueBytes, offset + index), [], 1)
  return Buffer.from(builder.build({ baseOffset: offset, codec }))
}

/** Reads so many records and checks that they are the first of the topic. */
async function readFirst(consumer: Consumer, count: number): Promise<void> {
  let next = 0
  for await (const batch of consumer) {
    for (let index = 0; index < batch.length; index++) {
      assert.equal(batch.offset(index), next)
      assert.equal(batch.value(index)?.[0], next % 256)
      next++
    }
    if (next >= count) break
  }
}

test('fetcher: the next fetch goes out before the records of the last are read, so the broker works meanwhile', async () => {
  // The first answer is damaged, which is seen when it is read: by then the records behind it had been asked for.
  await using each = await scene((offset, attempt) => {
    const bytes = batchAt(offset)
    if (offset === 0 && attempt === 1) bytes[80] = 0xff
    return bytes
  })
  await readFirst(each.consumer, 200)
  assert.deepEqual(each.asked.slice(0, 4), [0, 10, 0, 10])
})

test('fetcher: compressed records are read before more is asked for, as nobody knows what they unpack to', async () => {
  await using each = await scene((offset, attempt) => {
    const bytes = batchAt(offset, compressionCodecs.zstd)
    if (offset === 0 && attempt === 1) bytes[bytes.length - 1]! ^= 0xff
    return bytes
  })
  await readFirst(each.consumer, 200)
  assert.deepEqual(each.asked.slice(0, 3), [0, 0, 10])
})

test('fetcher: what unpacks to more than is taken at once is fetched again from where it was left', async () => {
  // Two batches of 10 MB unpacked in one answer: one is taken.
  await using each = await scene((offset) =>
    Buffer.concat([
      batchAt(offset, compressionCodecs.zstd, 1_000_000),
      batchAt(offset + perAnswer, compressionCodecs.zstd, 1_000_000),
    ]),
  )
  await readFirst(each.consumer, 40)
  assert.deepEqual(each.asked.slice(0, 4), [0, 10, 20, 30])
})

test('fetcher: with two answers waiting, nothing more is fetched until a batch is taken', async () => {
  const megabyte = 104_000
  await using each = await scene((offset) => batchAt(offset, compressionCodecs.none, megabyte))
  const iterator = each.consumer[Symbol.asyncIterator]()
  await iterator.next()
  const before = each.asked.length
  assert.ok(before <= 4, `${before} fetches`)
  for (let round = 0; round < 20; round++) await iterator.next()
  assert.ok(each.asked.length <= before + 23, `${each.asked.length} fetches`)
  await iterator.return?.()
})

test('fetcher: answers are as large as the options say, and two of a partition wait', async () => {
  const options = { fetchMaxBytes: 300_000, maxPartitionFetchBytes: 100_000 }
  await using each = await scene(
    (offset) => batchAt(offset, compressionCodecs.none, 9_900),
    options,
  )
  const iterator = each.consumer[Symbol.asyncIterator]()
  await iterator.next()
  const before = each.asked.length
  assert.ok(before <= 4, `${before} fetches`)
  for (let round = 0; round < 20; round++) await iterator.next()
  assert.ok(each.asked.length <= before + 23, `${each.asked.length} fetches`)
  assert.deepEqual([...each.sizes], ['300000 100000'])
  await iterator.return?.()
})

test('consumer: sizes of answers that make no sense are refused', async () => {
  const options = { brokers: ['127.0.0.1:1'], clientId: 'fetcher-test' }
  for (const name of ['fetchMaxBytes', 'maxPartitionFetchBytes'] as const)
    for (const value of [0, 1_023, 1.5, 67_108_865])
      await assert.rejects(createConsumer({ ...options, [name]: value }), {
        code: 'MR_KAFKA_BAD_OPTION',
      })
})

test('fetcher: a batch that is damaged on the broker ends the loop after three attempts', async () => {
  await using each = await scene((offset) => {
    const bytes = batchAt(offset)
    if (offset === 10) bytes[80] = 0xff
    return bytes
  })
  await assert.rejects(readFirst(each.consumer, 100), { code: 'MR_KAFKA_CORRUPT_DATA' })
  assert.equal(each.asked.filter((offset) => offset === 10).length, 3)
})

function metadata({ host, port }: ScriptedBroker): object {
  const partitions = [{ errorCode: 0, partitionIndex: 0, leaderId: 1 }]
  return {
    brokers: [{ nodeId: 1, host, port }],
    controllerId: 1,
    topics: [{ errorCode: 0, name: topic, partitions }],
  }
}

function fetchOffsetOf({ body }: Asked): number {
  const { topics } = body as {
    topics: readonly { partitions: readonly { fetchOffset: bigint }[] }[]
  }
  return Number(topics[0]?.partitions[0]?.fetchOffset ?? -1)
}

function sizesOf({ body }: Asked): string {
  const { maxBytes, topics } = body as {
    maxBytes: number
    topics: readonly { partitions: readonly { partitionMaxBytes: number }[] }[]
  }
  return `${maxBytes} ${topics[0]?.partitions[0]?.partitionMaxBytes}`
}

function fetched(records: Buffer): object {
  const partitions = [{ partitionIndex: 0, highWatermark: 1_000_000n, records }]
  return { errorCode: 0, sessionId: 0, responses: [{ topic, partitions }] }
}
