import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { eventually } from '@millrace/core/testing'
import { kafkaBackends, startFaultProxy, type RunningKafka } from '@millrace/testkit'
import { createTopic, readAll, textOf, uniqueName } from '../test/fixtures.ts'
import {
  createAdmin,
  createProducer,
  createTransactionalProducer,
  KafkaError,
  partitionForKey,
  type Compression,
  type KafkaOptions,
  type ProducerRecord,
} from './index.ts'

const produceKey = 0

for (const backend of await kafkaBackends())
  describe(`producer on ${backend.name}`, () => {
    let kafka: RunningKafka
    let options: KafkaOptions
    before(async () => {
      kafka = await backend.start()
      options = { brokers: kafka.brokers, clientId: 'producer-test' }
    })
    after(() => kafka.stop())

    test('overlapping calls are appended in the order of the calls, each record at the offset it was told', async () => {
      const topic = await createTopic(options, 3)
      await using producer = await createProducer(options)
      const calls = Array.from({ length: 50 }, (_, call) =>
        producer.send(numbered(topic, call * 20, 20)),
      )
      const rows = (await Promise.all(calls)).flat()
      const stored = await readAll(options, topic)
      assert.equal(rows.length, 1_000)
      rows.forEach((row, number) => {
        const record = stored[row.partition]?.[Number(row.offset)]
        assert.equal(record && textOf(record), String(number))
      })
      for (const partition of stored)
        assertAscending(partition.map((record) => Number(textOf(record))))
    })

    test('keyed records lie where a Java producer would put them', async () => {
      const topic = await createTopic(options, 6)
      await using producer = await createProducer(options)
      const keys = Array.from({ length: 100 }, (_, index) => `key-${index}`)
      const rows = await producer.send(keys.map((key) => ({ topic, key, value: null })))
      rows.forEach((row, index) =>
        assert.equal(row.partition, partitionForKey(keys[index] as string, 6)),
      )
    })

    test('keys, values, headers and timestamps arrive as they were sent; records without key share a partition per call', async () => {
      const topic = await createTopic(options, 3)
      await using producer = await createProducer(options)
      const timestampMs = Date.UTC(2026, 5, 1)
      await producer.send([
        {
          topic,
          partition: 2,
          key: 'é',
          value: Buffer.from([0, 255]),
          headers: [
            ['a', 'ü'],
            ['a', Buffer.from([1])],
          ],
          timestampMs,
        },
        { topic, partition: 2, key: null, value: null },
      ])
      const keyless = await producer.send([1, 2, 3].map(() => ({ topic, key: null, value: 'x' })))
      assert.equal(new Set(keyless.map((row) => row.partition)).size, 1)
      const [first, second] = (await readAll(options, topic))[2] ?? []
      assert.equal(first?.key?.toString(), 'é')
      assert.deepEqual(first?.value, Buffer.from([0, 255]))
      assert.deepEqual(first?.headers, [
        ['a', Buffer.from('ü')],
        ['a', Buffer.from([1])],
      ])
      assert.equal(first?.timestampMs, timestampMs)
      assert.deepEqual([second?.key, second?.value, second?.headers], [null, null, []])
    })

    for (const compression of ['gzip', 'snappy', 'lz4', 'zstd'] as const satisfies Compression[])
      test(`batches compressed with ${compression} are taken and read back`, async () => {
        const topic = await createTopic(options, 1)
        await using producer = await createProducer({ ...options, compression })
        await producer.send(numbered(topic, 0, 500))
        const [stored] = await readAll(options, topic)
        assert.deepEqual(
          stored?.map(textOf),
          Array.from({ length: 500 }, (_, n) => String(n)),
        )
      })

    test('a call larger than batchSizeBytes is split into several batches and stays whole and in order', async () => {
      const topic = await createTopic(options, 1)
      await using producer = await createProducer({ ...options, batchSizeBytes: 2_048 })
      const rows = await producer.send(numbered(topic, 0, 1_000))
      assert.deepEqual(
        rows.map((row) => row.offset),
        Array.from({ length: 1_000 }, (_, n) => BigInt(n)),
      )
      const [stored] = await readAll(options, topic)
      assert.deepEqual(
        stored?.map(textOf),
        Array.from({ length: 1_000 }, (_, n) => String(n)),
      )
    })

    test('a record the topic will not take fails its call with its index; calls beside it go through', async () => {
      const topic = await createTopic(options, 1, { 'max.message.bytes': '10000' })
      await using producer = await createProducer(options)
      const small = { topic, key: 'k', value: 'small' }
      const calls = await Promise.allSettled([
        producer.send([small]),
        producer.send([small, { topic, key: 'k', value: Buffer.alloc(20_000) }, small]),
        producer.send([small]),
      ])
      assert.deepEqual(
        calls.map(({ status }) => status),
        ['fulfilled', 'rejected', 'fulfilled'],
      )
      const { reason } = calls[1] as PromiseRejectedResult
      assert.ok(reason instanceof KafkaError)
      assert.deepEqual(
        [reason.code, reason.retryable, reason.details['index'], reason.details['errorName']],
        ['MR_KAFKA_RECORD_REFUSED', false, 1, 'MESSAGE_TOO_LARGE'],
      )
      await producer.send([small])
    })

    test('a topic that does not exist fails the call in time and says so; calls to other topics pass meanwhile', async () => {
      const topic = await createTopic(options, 1)
      const missing = uniqueName('missing')
      await using producer = await createProducer({ ...options, deliveryTimeoutMs: 5_000 })
      const failing = assert.rejects(
        producer.send([{ topic: missing, key: null, value: 'x' }]),
        (error) => {
          assert.ok(error instanceof KafkaError)
          assert.equal(error.code, 'MR_KAFKA_DELIVERY_FAILED')
          assert.ok(error.message.includes(missing))
          return error.retryable
        },
      )
      await producer.send([{ topic, key: null, value: 'y' }])
      await failing
    })

    test('records that are refused can be left out: those beside them arrive, in order', async () => {
      const topic = await createTopic(options, 1, { 'max.message.bytes': '10000' })
      await using producer = await createProducer(options)
      const isLarge = (index: number): boolean => index % 7 === 3
      const values = Array.from({ length: 30 }, (_, index) =>
        isLarge(index) ? Buffer.alloc(20_000) : String(index),
      )
      const asked: number[] = []
      const sent = await producer.sendColumns({
        topic,
        values,
        // Of another kind: it could not be placed.
        partitions: values.map((_, index) => (index === 29 ? 5 : 0)),
        onRefused(index, error) {
          assert.equal(error.code, 'MR_KAFKA_RECORD_REFUSED')
          asked.push(index)
          return true
        },
      })
      const left = [3, 10, 17, 24, 29]
      assert.deepEqual(
        asked.toSorted((a, b) => a - b),
        left,
      )
      for (const index of left)
        assert.deepEqual([sent.partitions[index], sent.offsets[index]], [-1, -1])
      const [stored] = await readAll(options, topic)
      assert.deepEqual(
        stored?.map(textOf),
        values.flatMap((value, index) => (left.includes(index) ? [] : [String(value)])),
      )
      await assert.rejects(
        producer.sendColumns({ topic, values: [Buffer.alloc(20_000)], onRefused: () => false }),
        { code: 'MR_KAFKA_RECORD_REFUSED' },
      )
    })

    test('records of a topic that no broker knows in time can be left out, in a transaction too', async () => {
      const soon = { ...options, deliveryTimeoutMs: 3_000 }
      await using producer = await createProducer(soon)
      await using transactional = await createTransactionalProducer({
        ...soon,
        transactionalId: uniqueName('transactions'),
      })
      await transactional.begin()
      for (const each of [producer, transactional]) {
        const codes: string[] = []
        const { offsets } = await each.sendColumns({
          topic: uniqueName('nowhere'),
          values: ['a', 'b'],
          onRefused(_, { code }) {
            codes.push(code)
            return true
          },
        })
        assert.deepEqual([...offsets], [-1, -1])
        assert.deepEqual(codes, ['MR_KAFKA_DELIVERY_FAILED', 'MR_KAFKA_DELIVERY_FAILED'])
      }
      await transactional.commit()
    })

    test('a topic that is deleted and made anew is found again, smaller or larger', async () => {
      const topic = await createTopic(options, 3)
      await using admin = await createAdmin(options)
      await using producer = await createProducer(options)
      await producer.send(numbered(topic, 0, 30))
      for (const partitions of [2, 4]) {
        await admin.deleteTopics([topic])
        await admin.ensureTopics([{ name: topic, partitions }])
        await sendUntilDone(producer, numbered(topic, 0, 2))
        const stored = await readAll(options, topic)
        assert.deepEqual(stored.flat().map(textOf).toSorted(), ['0', '1'])
      }
    })

    test('a partition that does not exist is refused before anything is sent', async () => {
      const topic = await createTopic(options, 2)
      await using producer = await createProducer(options)
      await assert.rejects(
        producer.send([
          { topic, key: null, value: 'x' },
          { topic, partition: 2, key: null, value: 'x' },
        ]),
        { code: 'MR_KAFKA_RECORD_REFUSED' },
      )
      assert.deepEqual((await readAll(options, topic)).flat(), [])
    })

    test('connections cut after the broker has appended: everything is there exactly once, in order', async () => {
      const topic = await createTopic(options, 3)
      await using proxy = await startFaultProxy(kafka.port)
      await using producer = await createProducer({
        ...options,
        brokers: [proxy.address],
        mapAddress: () => proxy,
      })
      await producer.send(numbered(topic, 0, 30))
      for (let round = 1; round <= 10; round++) {
        proxy.cutAnswersTo(produceKey, 2)
        await Promise.all([
          producer.send(numbered(topic, round * 60, 30)),
          producer.send(numbered(topic, round * 60 + 30, 30)),
        ])
      }
      assert.ok(proxy.cutAnswerCount >= 10, `${proxy.cutAnswerCount} answers were cut`)
      assertExactlyOnce(await readAll(options, topic), [
        ...Array.from({ length: 30 }, (_, n) => n),
        ...Array.from({ length: 600 }, (_, n) => n + 60),
      ])
    })

    test('a batch that was appended before the broker was killed is known to it afterwards: its repetition is not appended', async () => {
      const topic = await createTopic(options, 1)
      await using proxy = await startFaultProxy(kafka.port)
      await using admin = await createAdmin(options)
      await using producer = await createProducer({
        ...options,
        brokers: [proxy.address],
        mapAddress: () => proxy,
        deliveryTimeoutMs: 180_000,
      })
      await producer.send(numbered(topic, 0, 5))
      proxy.setFlow('blackhole', 'toClient')
      const sent = producer.send(numbered(topic, 5, 5))
      await eventually('appended', async () => (await admin.endOffsets(topic))[0]?.offset === 10n)
      proxy.refuse()
      await kafka.kill()
      await kafka.restart()
      proxy.heal()
      assert.deepEqual(
        (await sent).map(({ offset }) => offset),
        [5n, 6n, 7n, 8n, 9n],
      )
      await producer.send(numbered(topic, 10, 1))
      assertExactlyOnce(
        await readAll(options, topic),
        Array.from({ length: 11 }, (_, n) => n),
      )
    })

    test('a broker that does not answer fails the call in time; once it answers again, sends work and nothing later is doubled', async () => {
      const topic = await createTopic(options, 1)
      await using proxy = await startFaultProxy(kafka.port)
      await using producer = await createProducer({
        ...options,
        brokers: [proxy.address],
        mapAddress: () => proxy,
        // Each attempt may fail, but none that is answered: what is sent again then would be there twice.
        deliveryTimeoutMs: 6_000,
        requestTimeoutMs: 3_000,
      })
      await producer.send(numbered(topic, 0, 1))
      proxy.setFlow('blackhole', 'toClient')
      await assert.rejects(producer.send(numbered(topic, 1, 1)), {
        code: 'MR_KAFKA_DELIVERY_FAILED',
      })
      proxy.heal()
      proxy.cut()
      for (let number = 2; number < 12; number++)
        await sendUntilDone(producer, numbered(topic, number, 1))
      const [stored] = await readAll(options, topic)
      const numbers = (stored ?? []).map((record) => Number(textOf(record)))
      // The call that failed may or may not have been appended, once.
      assert.deepEqual(
        numbers.filter((number) => number !== 1),
        [0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
      )
    })

    test('the broker is killed and comes back in the middle of sends: nothing is lost, doubled or out of order', async () => {
      const topic = await createTopic(options, 3)
      await using producer = await createProducer({ ...options, deliveryTimeoutMs: 180_000 })
      let count = 0
      const stop = new AbortController()
      const sending = (async () => {
        while (!stop.signal.aborted) {
          await producer.send(numbered(topic, count, 10))
          count += 10
        }
      })()
      await Promise.race([sending, until(() => count > 500)])
      await kafka.kill()
      const countAtKill = count
      await kafka.restart()
      await Promise.race([sending, until(() => count > countAtKill + 500)])
      stop.abort()
      await sending
      assertExactlyOnce(
        await readAll(options, topic),
        Array.from({ length: count }, (_, n) => n),
      )
    })

    test('a broker that is away at the start is waited for', async () => {
      const topic = await createTopic(options, 1)
      await kafka.shutDown()
      await using producer = await createProducer({ ...options, deliveryTimeoutMs: 180_000 })
      const sent = producer.send([{ topic, key: null, value: 'x' }])
      await kafka.restart()
      assert.equal((await sent).length, 1)
    })
  })

test('producer: with no broker at all a call fails in time with a retryable error that names the cause', async () => {
  await using producer = await createProducer({
    brokers: ['127.0.0.1:1'],
    clientId: 'producer-test',
    deliveryTimeoutMs: 2_000,
  })
  await assert.rejects(producer.send([{ topic: 't', key: null, value: 'x' }]), (error) => {
    assert.ok(error instanceof KafkaError && error.cause instanceof KafkaError)
    assert.deepEqual([error.code, error.retryable], ['MR_KAFKA_DELIVERY_FAILED', true])
    return error.cause.code === 'MR_KAFKA_UNREACHABLE'
  })
})

test('producer: options out of bounds are refused with their name', async () => {
  const options = { brokers: ['127.0.0.1:1'], clientId: 'producer-test' }
  await assert.rejects(createProducer({ ...options, brokers: [] }), /brokers/)
  await assert.rejects(createProducer({ ...options, brokers: ['nonsense'] }), /brokers/)
  await assert.rejects(createProducer({ ...options, batchSizeBytes: 0.5 }), /batchSizeBytes/)
})

test('producer: a call after close is refused', async () => {
  const producer = await createProducer({ brokers: ['127.0.0.1:1'], clientId: 'producer-test' })
  await producer.close()
  await assert.rejects(producer.send([{ topic: 't', key: null, value: 'x' }]), {
    code: 'MR_KAFKA_CLOSED',
  })
})

/** Records whose values are `from`, `from` + 1, …, spread by key. */
function numbered(topic: string, from: number, count: number): ProducerRecord[] {
  return Array.from({ length: count }, (_, index) => ({
    topic,
    key: `key-${(from + index) % 17}`,
    value: String(from + index),
  }))
}

async function sendUntilDone(
  producer: { send(records: readonly ProducerRecord[]): Promise<unknown> },
  records: readonly ProducerRecord[],
): Promise<void> {
  for (;;) {
    try {
      await producer.send(records)
      return
    } catch (error) {
      assert.ok(error instanceof KafkaError && error.retryable, String(error))
    }
  }
}

function assertAscending(numbers: readonly number[]): void {
  numbers.forEach((number, index) => {
    if (index > 0) assert.ok(number > (numbers[index - 1] as number), `${number} at ${index}`)
  })
}

function assertExactlyOnce(
  stored: readonly (readonly Parameters<typeof textOf>[0][])[],
  expected: readonly number[],
): void {
  const partitions = stored.map((records) => records.map((record) => Number(textOf(record))))
  for (const numbers of partitions) assertAscending(numbers)
  assert.deepEqual(
    partitions.flat().toSorted((a, b) => a - b),
    expected,
  )
}

async function until(condition: () => boolean): Promise<void> {
  await eventually('the producer got on', condition, { timeoutMs: 120_000 })
}
