/** Many full batches of one partition under way at once, with faults in between; and the options of the accumulator. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { eventually } from '@millrace/core/testing'
import { kafkaBackends, startFaultProxy, type RunningKafka } from '@millrace/testkit'
import { createTopic, readAll, textOf } from '../test/fixtures.ts'
import {
  createProducer,
  partitionForKey,
  type ColumnarProducer,
  type KafkaError,
  type KafkaOptions,
} from './index.ts'

const produceKey = 0
const small = { batchSizeBytes: 2_048, deliveryTimeoutMs: 120_000 }

for (const backend of await kafkaBackends())
  describe(`pipelined producer on ${backend.name}`, () => {
    let kafka: RunningKafka
    let options: KafkaOptions
    before(async () => {
      kafka = await backend.start()
      options = { brokers: kafka.brokers, clientId: 'pipelining-test' }
    })
    after(() => kafka.stop())

    /** Calls that overlap, of numbered records for one partition each. */
    async function flood(
      producer: ColumnarProducer,
      topic: string,
      calls: number,
      fault: (call: number) => Promise<void> | void,
    ): Promise<number> {
      const perCall = 60 // Some three batches each.
      const open = new Set<Promise<unknown>>()
      for (let call = 0; call < calls; call++) {
        const values = Array.from({ length: perCall }, (_, at) =>
          String(call * perCall + at).padEnd(100, '.'),
        )
        const sent = producer.sendColumns({ topic, values, partitions: 0 })
        open.add(sent)
        void sent.finally(() => open.delete(sent))
        await fault(call)
        if (open.size >= 8) await Promise.race(open)
      }
      await Promise.all(open)
      return calls * perCall
    }

    const assertEachOnceInOrder = async (topic: string, count: number): Promise<void> => {
      const [stored] = await readAll(options, topic)
      assert.deepEqual(
        stored?.map((record) => Number.parseInt(textOf(record), 10)),
        Array.from({ length: count }, (_, number) => number),
      )
    }

    test('answers are lost and connections cut while five batches are under way: each record once, in order', async () => {
      const topic = await createTopic(options, 1)
      await using proxy = await startFaultProxy(kafka.port)
      await using producer = await createProducer({
        ...options,
        ...small,
        brokers: [proxy.address],
        mapAddress: () => proxy,
      })
      const count = await flood(producer, topic, 50, (call) => {
        if (call % 10 === 3) proxy.cutAnswersTo(produceKey, 1 + (call % 3))
        if (call % 10 === 7) proxy.cut()
      })
      assert.ok(proxy.cutAnswerCount > 0)
      await assertEachOnceInOrder(topic, count)
    })

    test('the broker is killed twice while five batches are under way: each record once, in order', async () => {
      const topic = await createTopic(options, 1)
      await using producer = await createProducer({ ...options, ...small })
      const count = await flood(producer, topic, 90, async (call) => {
        if (call !== 30 && call !== 60) return
        await kafka.kill()
        await kafka.restart()
      })
      await assertEachOnceInOrder(topic, count)
    })

    test('a record that is refused among batches under way fails its call only, and the order holds', async () => {
      const topic = await createTopic(options, 1, { 'max.message.bytes': '4000' })
      await using producer = await createProducer({ ...options, ...small })
      await producer.send([{ topic, partition: 0, key: null, value: 'first' }])
      const calls = Array.from({ length: 40 }, (_, number) =>
        producer.send([
          {
            topic,
            partition: 0,
            key: null,
            value: String(number).padEnd(number % 10 === 5 ? 8_000 : 1_000, '.'),
          },
        ]),
      )
      const outcomes = await Promise.allSettled(calls)
      outcomes.forEach((outcome, number) => {
        const isRefused = outcome.status === 'rejected'
        assert.equal(isRefused, number % 10 === 5, `call ${number}`)
        if (isRefused) assert.equal((outcome.reason as KafkaError).code, 'MR_KAFKA_RECORD_REFUSED')
      })
      const [stored] = await readAll(options, topic)
      assert.deepEqual(
        stored?.slice(1).map((record) => Number.parseInt(textOf(record), 10)),
        Array.from({ length: 40 }, (_, number) => number).filter((number) => number % 10 !== 5),
      )
    })

    test('columns: keys, partitions, timestamps and headers arrive, and offsets tell where', async () => {
      const topic = await createTopic(options, 3)
      await using producer = await createProducer(options)
      const keys = ['a', 'b', null, 'c']
      const sent = await producer.sendColumns({
        topic,
        keys,
        values: ['1', Buffer.from('2'), '3', null],
        timestampsMs: Float64Array.of(10, 11, 12, 13),
        headers: [['h', 'x']],
      })
      const stored = await readAll(options, topic)
      keys.forEach((key, index) => {
        const partition = sent.partitions[index] as number
        const record = stored[partition]?.[sent.offsets[index] as number]
        if (key !== null) assert.equal(partition, partitionForKey(key, 3))
        assert.equal(record?.key?.toString() ?? null, key)
        assert.equal(record?.timestampMs, 10 + index)
        assert.deepEqual(record?.headers, [['h', Buffer.from('x')]])
      })
      await assert.rejects(producer.sendColumns({ topic, keys: ['a'], values: ['1', '2'] }), {
        code: 'MR_KAFKA_BAD_OPTION',
      })
    })

    for (const acks of [0, 1] as const)
      test(`acks ${acks}: records arrive in order, without a producer id`, async () => {
        const topic = await createTopic(options, 1)
        await using producer = await createProducer({ ...options, acks })
        const sent = await Promise.all(
          Array.from({ length: 100 }, (_, number) =>
            producer.send([{ topic, key: null, value: String(number) }]),
          ),
        )
        assert.equal(sent.at(-1)?.[0]?.offset, acks === 0 ? -1n : 99n)
        await eventually('all records have arrived', async () => {
          const [stored] = await readAll(options, topic)
          assert.deepEqual(
            stored?.map(textOf),
            Array.from({ length: 100 }, (_, number) => String(number)),
          )
          return true
        })
      })

    test('linger: calls that come one after the other share a batch; a full batch and close() do not wait', async () => {
      const topic = await createTopic(options, 1)
      await using proxy = await startFaultProxy(kafka.port)
      const through = { ...options, brokers: [proxy.address], mapAddress: () => proxy }
      const producer = await createProducer({ ...through, lingerMs: 20_000, batchSizeBytes: 4_096 })
      const calls = [0, 1].map(() => producer.send([{ topic, key: null, value: 'x' }]))
      const full = producer.send([{ topic, key: null, value: Buffer.alloc(4_000) }])
      await Promise.all([...calls, full].slice(0, 2))
      await producer.close()
      assert.deepEqual(
        (await full).map(({ offset }) => offset),
        [2n],
      )
    })

    test('a full buffer holds further calls back; those that wait too long fail and say so', async () => {
      const topic = await createTopic(options, 1)
      await using proxy = await startFaultProxy(kafka.port)
      await using producer = await createProducer({
        ...options,
        brokers: [proxy.address],
        mapAddress: () => proxy,
        bufferSizeBytes: 10_000,
        deliveryTimeoutMs: 8_000,
      })
      const value = Buffer.alloc(6_000)
      await producer.send([{ topic, key: null, value }])
      proxy.setFlow('pause')
      const calls = await Promise.allSettled(
        [0, 1, 2].map(() => producer.send([{ topic, key: null, value }])),
      )
      const reasons = calls.map((call) => (call as PromiseRejectedResult).reason as KafkaError)
      for (const reason of reasons) assert.equal(reason.code, 'MR_KAFKA_DELIVERY_FAILED')
      assert.match(String(reasons[2]?.message), /bufferSizeBytes/)
      proxy.heal()
      await eventually('there is room again', async () => {
        await producer.send([{ topic, key: null, value: 'after' }])
        return true
      })
    })
  })
