import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { eventually } from '@millrace/core/testing'
import { kafkaBackends, type RunningKafka } from '@millrace/testkit'
import { createTopic, uniqueName } from '../test/fixtures.ts'
import {
  createConsumer,
  createProducer,
  createTransactionalProducer,
  type Consumer,
  type ConsumerOptions,
  type KafkaOptions,
  type Producer,
} from './index.ts'

for (const backend of await kafkaBackends())
  describe(`assigned partitions on ${backend.name}`, () => {
    let kafka: RunningKafka
    let options: KafkaOptions
    let producer: Producer
    before(async () => {
      kafka = await backend.start()
      options = { brokers: kafka.brokers, clientId: 'assign-test' }
      producer = await createProducer({ ...options, deliveryTimeoutMs: 180_000 })
    })
    after(async () => {
      await producer.close()
      await kafka.stop()
    })

    const reader = (more: Partial<ConsumerOptions> = {}): Promise<Consumer> =>
      createConsumer({ ...options, ...more })
    /** `count` records in each of the partitions, with the timestamps 1,000, 2,000, … */
    const fill = async (topic: string, partitions: number, count: number): Promise<void> => {
      await producer.send(
        Array.from({ length: partitions * count }, (_, index) => ({
          topic,
          partition: index % partitions,
          key: null,
          value: String(Math.floor(index / partitions)),
          timestampMs: 1_000 * (Math.floor(index / partitions) + 1),
        })),
      )
    }

    test('without a group: partitions of choice from where each is told to begin, changed on the way', async () => {
      const topic = await createTopic(options, 4)
      await fill(topic, 4, 10)
      await using consumer = await reader()
      const seen = new Map<number, string[]>()
      const loop = collect(consumer, seen)
      consumer.assign([
        { topic, partition: 0 },
        { topic, partition: 1, offset: 7n },
        { topic, partition: 2, offset: 'latest' },
      ])
      await eventually('read', () => seen.get(0)?.length === 10 && seen.get(1)?.length === 3)
      assert.deepEqual(seen.get(1), ['7', '8', '9'])
      await eventually('the end is known', () => consumer.position({ topic, partition: 2 }) === 10n)
      // 0 goes, 3 comes, the others go on where they are.
      consumer.assign([
        { topic, partition: 1, offset: 0n },
        { topic, partition: 2 },
        { topic, partition: 3, offset: 'earliest' },
      ])
      await fill(topic, 4, 1)
      await eventually('the newcomer is read', () => seen.get(3)?.length === 11)
      await eventually('the others went on', () => seen.get(1)?.length === 4)
      await eventually('the end as well', () => seen.get(2)?.length === 1)
      assert.equal(seen.get(0)?.length, 10)
      assert.deepEqual(
        consumer
          .assignment()
          .map(({ partition }) => partition)
          .toSorted((a, b) => a - b),
        [1, 2, 3],
      )
      assert.throws(() => consumer.seek({ topic, partition: 0, offset: 0n }), {
        code: 'MR_KAFKA_BAD_OPTION',
      })
      await assert.rejects(consumer.commit([{ topic, partition: 1, offset: 1n }]), {
        code: 'MR_KAFKA_BAD_OPTION',
      })
      await consumer.close()
      await loop
    })

    test('with a group id offsets can be committed with a note, read back, and begun at', async () => {
      const topic = await createTopic(options, 2)
      await fill(topic, 2, 10)
      const groupId = uniqueName('group')
      {
        await using consumer = await reader({ groupId })
        assert.deepEqual(consumer.groupMetadata(), {
          groupId,
          generationId: -1,
          memberId: '',
          instanceId: null,
        })
        await consumer.commit([{ topic, partition: 0, offset: 4n, metadata: 'note' }])
        assert.deepEqual(
          await consumer.committed([
            { topic, partition: 0 },
            { topic, partition: 1 },
          ]),
          [
            { topic, partition: 0, offset: 4n, metadata: 'note' },
            { topic, partition: 1, offset: null, metadata: null },
          ],
        )
      }
      await using consumer = await reader({ groupId, autoOffsetReset: 'latest' })
      const seen = new Map<number, string[]>()
      const loop = collect(consumer, seen)
      consumer.assign([
        { topic, partition: 0 },
        { topic, partition: 1 },
      ])
      await eventually('from the committed offset', () => seen.get(0)?.length === 6)
      assert.equal(seen.get(0)?.[0], '4')
      await eventually(
        'else by the policy',
        () => consumer.position({ topic, partition: 1 }) === 10n,
      )
      await consumer.close()
      await loop
    })

    test('the lag of a partition is known once it was asked for, and ends at an open transaction', async () => {
      const topic = await createTopic(options, 1)
      await fill(topic, 1, 3)
      const transactionalId = uniqueName('txn')
      await using open = await createTransactionalProducer({ ...options, transactionalId })
      await open.begin()
      await open.send([{ topic, partition: 0, key: null, value: 'not yet' }])
      for (const [isolationLevel, lagRecords] of [
        ['read_committed', 3],
        ['read_uncommitted', 4],
      ] as const) {
        await using consumer = await reader({ isolationLevel })
        const records = consumer[Symbol.asyncIterator]()
        consumer.assign([{ topic, partition: 0 }])
        assert.equal(consumer.lagRecords({ topic, partition: 0 }), null)
        await eventually('known', () => consumer.lagRecords({ topic, partition: 0 }) === lagRecords)
        // Apache Kafka may answer with fewer records than there are up to the end that it tells.
        for (let position = 0; position < lagRecords;) {
          await records.next()
          position = Number(consumer.position({ topic, partition: 0 }))
          assert.equal(consumer.lagRecords({ topic, partition: 0 }), lagRecords - position)
        }
      }
    })

    test('seeks to the ends, ends and times are asked for', async () => {
      const topic = await createTopic(options, 2)
      await fill(topic, 2, 10)
      await using consumer = await reader()
      const seen = new Map<number, string[]>()
      const loop = collect(consumer, seen)
      const rows = [
        { topic, partition: 0 },
        { topic, partition: 1 },
      ]
      consumer.assign(rows)
      await eventually('read once', () => [0, 1].every((row) => seen.get(row)?.length === 10))
      consumer.seekToBeginning([{ topic, partition: 0 }])
      await eventually('read twice', () => seen.get(0)?.length === 20)
      consumer.seek({ topic, partition: 1, offset: 2n })
      consumer.seekToEnd([{ topic, partition: 1 }])
      await eventually('at the end', () => consumer.position({ topic, partition: 1 }) === 10n)
      assert.deepEqual(await consumer.beginningOffsets(rows), [
        { topic, partition: 0, offset: 0n },
        { topic, partition: 1, offset: 0n },
      ])
      assert.deepEqual(await consumer.endOffsets(rows), [
        { topic, partition: 0, offset: 10n },
        { topic, partition: 1, offset: 10n },
      ])
      assert.deepEqual(
        await consumer.offsetsForTimes([
          { topic, partition: 0, timestampMs: 3_500 },
          { topic, partition: 1, timestampMs: 99_000 },
        ]),
        [
          { topic, partition: 0, offset: 3n, timestampMs: 4_000 },
          { topic, partition: 1, offset: null, timestampMs: null },
        ],
      )
      await consumer.close()
      await loop
    })

    test('offsets out of the log begin anew by the policy; a paused partition keeps what it has', async () => {
      const topic = await createTopic(options, 2)
      await fill(topic, 2, 10)
      await using consumer = await reader({ maxBatchRecords: 3 })
      const seen = new Map<number, string[]>()
      consumer.assign([
        { topic, partition: 0, offset: 500n },
        { topic, partition: 1, offset: 'earliest' },
      ])
      consumer.pause([{ topic, partition: 1 }])
      const loop = collect(consumer, seen)
      await eventually('from the first record', () => seen.get(0)?.length === 10)
      assert.equal(seen.has(1), false)
      consumer.resume([{ topic, partition: 1 }])
      await eventually('the other', () => seen.get(1)?.length === 10)
      await consumer.close()
      await loop
    })

    test('read_committed: aborted records are left out, the offset to commit passes them and the markers, and so does the position', async () => {
      const topic = await createTopic(options, 1)
      const groupId = uniqueName('group')
      await using transactions = await createTransactionalProducer({
        ...options,
        transactionalId: uniqueName('transactional'),
      })
      for (const [text, isCommitted] of [
        ['a', false],
        ['b', true],
        ['c', false],
        ['d', false],
        ['e', true],
        ['f', false],
      ] as const) {
        await transactions.begin()
        await transactions.send([
          { topic, key: null, value: `${text}1` },
          { topic, key: null, value: `${text}2` },
        ])
        await (isCommitted ? transactions.commit() : transactions.abort())
      }
      await using consumer = await createConsumer({ ...options, groupId, topics: [topic] })
      const texts: string[] = []
      let committed = 0n
      const loop = (async () => {
        for await (const batch of consumer) {
          for (let index = 0; index < batch.length; index++) texts.push(String(batch.value(index)))
          committed = batch.nextOffset
          await consumer.commit([{ topic, partition: 0, offset: batch.nextOffset }])
        }
      })()
      const ended = await eventually(
        'read to the end',
        () =>
          consumer.assignment().length === 1 &&
          (consumer.position({ topic, partition: 0 }) ?? 0n) >= 18n,
      )
      assert.ok(ended)
      assert.deepEqual(texts, ['b1', 'b2', 'e1', 'e2'])
      assert.ok(committed >= 15n, `committed ${committed}, e2 stands at 13 and its marker at 14`)
      // The offsets of the reader are part of a transaction: fenced once its membership is over.
      await transactions.begin()
      await transactions.send([{ topic, key: null, value: 'g' }])
      await transactions.sendOffsets(
        [{ topic, partition: 0, offset: 18n }],
        consumer.groupMetadata(),
      )
      await transactions.commit()
      const [row] = await consumer.committed([{ topic, partition: 0 }])
      assert.ok((row?.offset ?? 0n) >= 18n, 'or 20, where the loop was quicker')
      const stale = consumer.groupMetadata()
      await consumer.close()
      await loop
      await using after = await reader({ groupId })
      const last = await after.committed([{ topic, partition: 0 }])
      await transactions.begin()
      await transactions.send([{ topic, key: null, value: 'h' }])
      await assert.rejects(
        transactions
          .sendOffsets([{ topic, partition: 0, offset: 99n }], stale)
          .then(() => transactions.commit()),
      )
      await transactions.abort()
      assert.deepEqual(await after.committed([{ topic, partition: 0 }]), last)
    })

    for (const c of [
      { name: 'topics without a group', options: { topics: ['t'] } },
      { name: 'an empty group id', options: { groupId: '' } },
      { name: 'no topic', options: { groupId: 'g', topics: [] } },
      {
        name: 'an assignor twice',
        options: { groupId: 'g', topics: ['t'], assignors: ['range', 'range'] as const },
      },
      { name: 'no assignor', options: { groupId: 'g', topics: ['t'], assignors: [] } },
      {
        name: 'an assignor that nobody knows',
        options: { groupId: 'g', topics: ['t'], assignors: ['best'] as never },
      },
    ])
      test(`refused at once: ${c.name}`, () =>
        assert.rejects(reader(c.options), { code: 'MR_KAFKA_BAD_OPTION' }))

    test('assign is refused to a member of a group', async () => {
      await using consumer = await reader({ groupId: 'g', topics: ['t'] })
      assert.throws(() => consumer.assign([]), { code: 'MR_KAFKA_BAD_OPTION' })
    })
  })

async function collect(consumer: Consumer, seen: Map<number, string[]>): Promise<void> {
  for await (const { partition, records } of consumer)
    seen.set(partition, [
      ...(seen.get(partition) ?? []),
      ...records.map((row) => String(row.value)),
    ])
}
