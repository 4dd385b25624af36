import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { eventually } from '@millrace/core/testing'
import { kafkaBackends, startFaultProxy, type RunningKafka } from '@millrace/testkit'
import { GroupLedger } from '../test/group-ledger.ts'
import { createTopic, textOf, uniqueName } from '../test/fixtures.ts'
import {
  createAdmin,
  createConsumer,
  createProducer,
  type KafkaError,
  type Consumer,
  type ConsumerBatch,
  type ConsumerOptions,
  type KafkaOptions,
  type Producer,
} from './index.ts'

/** Short, but not so short that a machine that stands still for some seconds ends it. */
const sessionTimeoutMs = 10_000

for (const backend of await kafkaBackends())
  describe(`consumer on ${backend.name}`, () => {
    let kafka: RunningKafka
    let options: KafkaOptions
    let producer: Producer
    before(async () => {
      kafka = await backend.start()
      options = { brokers: kafka.brokers, clientId: 'consumer-test' }
      producer = await createProducer({ ...options, deliveryTimeoutMs: 180_000 })
    })
    after(async () => {
      await producer.close()
      await kafka.stop()
    })

    const member = (topic: string, more: Partial<ConsumerOptions> = {}): Promise<Consumer> =>
      createConsumer({
        ...options,
        groupId: uniqueName('group'),
        topics: [topic],
        heartbeatIntervalMs: 100,
        // Nobody loses it where the machine stands still for a while, and nobody who waits for it is quick.
        sessionTimeoutMs: 60_000,
        ...more,
      })
    const send = (topic: string, from: number, count: number): Promise<unknown> =>
      producer.send(
        Array.from({ length: count }, (_, index) => ({
          topic,
          key: `key-${(from + index) % 7}`,
          value: String(from + index),
        })),
      )

    test('memory of released batches is used again; what is kept stays as it was', async () => {
      const topic = await createTopic(options, 3)
      const count = 3_000
      // 4 KiB each, filled with its number: answers of megabytes, whose memory would show another's numbers.
      const valueOf = (n: number): Buffer => Buffer.alloc(4_096, `${n}.`)
      for (let from = 0; from < count; from += 300)
        await producer.send(
          Array.from({ length: 300 }, (_, index) => ({
            topic,
            partition: (from + index) % 3,
            key: String(from + index),
            value: valueOf(from + index),
          })),
        )
      const check = (batch: ConsumerBatch): void => {
        for (const { key, value } of batch)
          assert.ok(value?.equals(valueOf(Number(key))), `${batch.partition}: ${String(key)}`)
      }
      await using reader = await createConsumer({ ...options, maxBatchRecords: 70 })
      const kept: ConsumerBatch[] = []
      for (let round = 0; round < 3; round++) {
        reader.assign([])
        reader.assign(
          [0, 1, 2].map((partition) => ({ topic, partition, offset: 'earliest' as const })),
        )
        let seen = 0
        for await (const batch of reader) {
          check(batch)
          seen += batch.length
          if (seen % 4 === 0) kept.push(batch)
          else batch.release()
          if (seen === count) break
        }
      }
      for (const batch of kept) check(batch)
    })

    test('a loop that ends with a released batch reads it again', async () => {
      const topic = await createTopic(options, 1)
      await send(topic, 0, 20)
      await using reader = await createConsumer({ ...options, maxBatchRecords: 8 })
      reader.assign([{ topic, partition: 0, offset: 'earliest' }])
      const seen: string[] = []
      for await (using batch of reader) {
        seen.push(...batch.records.map(textOf))
        if (seen.length === 16) break
      }
      for await (using batch of reader) {
        seen.push(...batch.records.map(textOf))
        if (seen.length === 28) break
      }
      const numbers = Array.from({ length: 20 }, (_, n) => String(n))
      assert.deepEqual(seen, [...numbers.slice(0, 16), ...numbers.slice(8)])
    })

    test('a member that is closed while it joins holds nobody up, wherever it was', async () => {
      const topic = await createTopic(options, 1)
      await send(topic, 0, 3)
      await using proxy = await startFaultProxy(kafka.port)
      proxy.setDelay(40)
      // Every answer is 80 ms on its way, so that one of these is closed between each question of joining and its answer.
      const closeAfterMs = Array.from({ length: 16 }, (_, index) => index * 60)
      await Promise.all(
        closeAfterMs.map(async (afterMs) => {
          const groupId = uniqueName('group')
          const first = await member(topic, {
            groupId,
            brokers: [proxy.address],
            mapAddress: () => proxy,
            // Outlasts this test: a group that waited for the first member would be noticed.
            sessionTimeoutMs: 300_000,
          })
          const joining = first[Symbol.asyncIterator]().next()
          await delay(afterMs)
          await first.close()
          await joining
          await using second = await member(topic, { groupId })
          let timer: NodeJS.Timeout | undefined
          const late = new Promise<never>((_, reject) => {
            timer = setTimeout(() => reject(new Error(`closed after ${afterMs} ms`)), 120_000)
          })
          const reading = (async () => {
            for await (const { length } of second) return length
            return 0
          })()
          assert.equal(await Promise.race([reading, late]), 3)
          clearTimeout(timer)
        }),
      )
    })

    test('a new member goes on where the group has committed', async () => {
      const topic = await createTopic(options, 1)
      const groupId = uniqueName('group')
      await send(topic, 0, 100)
      {
        await using first = await member(topic, { groupId, maxBatchRecords: 30 })
        for await (const { partition, records } of first) {
          assert.equal(records.length, 30)
          await first.commit([{ topic, partition, offset: 30n }])
          break
        }
      }
      await using second = await member(topic, { groupId, maxBatchRecords: 30 })
      for await (const { records, highWatermark } of second) {
        assert.equal(textOf(records[0] as never), '30')
        assert.equal(highWatermark, 100n)
        break
      }
      await using admin = await createAdmin(options)
      assert.deepEqual(await admin.groupLag(groupId, [topic]), [
        { topic, partition: 0, committedOffset: 30n, endOffset: 100n, lagRecords: 70 },
      ])
    })

    test('several loops hold several partitions at once, each partition only one loop, in order', async () => {
      const topic = await createTopic(options, 3)
      await using consumer = await member(topic, { maxBatchRecords: 5 })
      for (const partition of [0, 1, 2])
        await producer.send(
          Array.from({ length: 50 }, (_, index) => ({
            topic,
            partition,
            key: null,
            value: String(index),
          })),
        )
      const held = new Set<number>()
      const seen = new Map<number, string[]>()
      let most = 0
      const loop = async (): Promise<void> => {
        for await (const { partition, records } of consumer) {
          assert.ok(!held.has(partition), `partition ${partition} is with two loops`)
          held.add(partition)
          most = Math.max(most, held.size)
          await delay(1)
          seen.set(partition, [
            ...(seen.get(partition) ?? []),
            ...records.map((row) => textOf(row)),
          ])
          held.delete(partition)
        }
      }
      const loops = [loop(), loop(), loop(), loop()]
      await eventually('all seen', () => [...seen.values()].flat().length === 150)
      await consumer.close()
      await Promise.all(loops)
      const inOrder = Array.from({ length: 50 }, (_, index) => String(index))
      for (const texts of seen.values()) assert.deepEqual(texts, inOrder)
      assert.ok(most >= 2, `at most ${most} at once`)
    })

    test('autoOffsetReset latest begins with what comes after', async () => {
      const topic = await createTopic(options, 1)
      await send(topic, 0, 10)
      await using consumer = await member(topic, { autoOffsetReset: 'latest' })
      const firstText = (async () => {
        for await (const { records } of consumer) return textOf(records[0] as never)
        return undefined
      })()
      await eventually('assigned', () => consumer.assignment().length === 1)
      // Where "latest" is taken is not seen from outside: what is sent now may come before or after it, so it is sent until seen.
      const seen = await eventually('a later record was seen', async () => {
        await send(topic, 10, 1)
        return Promise.race([firstText, delay(20)])
      })
      assert.equal(seen, '10')
    })

    test('a record is handed out when it comes, not when the fetch that waits for it has waited enough', async () => {
      const topic = await createTopic(options, 3)
      // Less than the time-out of the request, which would end the wait as well.
      const maxWaitMs = 25_000
      await using consumer = await member(topic, { maxWaitMs })
      const seen: string[] = []
      const reading = (async () => {
        for await (const { records } of consumer) seen.push(...records.map(textOf))
      })()
      await eventually('assigned', () => consumer.assignment().length === 3)
      for (let index = 0; index < 100; index++) {
        const startedMs = performance.now()
        await send(topic, index, 1)
        await eventually(`${index} came`, () => seen.length === index + 1, { everyMs: 1 })
        assert.ok(performance.now() - startedMs < maxWaitMs, `${index} waited for the fetch's end`)
      }
      await consumer.close()
      await reading
    })

    test('a batch whose loop was left is handed out again to the next loop', async () => {
      const topic = await createTopic(options, 1)
      await send(topic, 0, 10)
      await using consumer = await member(topic, { maxBatchRecords: 4 })
      const texts: string[][] = []
      for await (const { records } of consumer) {
        texts.push(records.map(textOf))
        if (texts.length === 2) break
      }
      for await (const { records } of consumer) {
        texts.push(records.map(textOf))
        break
      }
      assert.deepEqual(texts, [
        ['0', '1', '2', '3'],
        ['4', '5', '6', '7'],
        ['4', '5', '6', '7'],
      ])
    })

    test('seek reads again or skips; a paused partition gives nothing until it is resumed', async () => {
      const topic = await createTopic(options, 2)
      const value = (text: string, partition: number) => ({
        topic,
        partition,
        key: null,
        value: text,
      })
      await producer.send([value('a0', 0), value('a1', 0), value('a2', 0), value('b0', 1)])
      await using consumer = await member(topic, { maxBatchRecords: 1 })
      const seen: string[] = []
      const loop = (async () => {
        for await (const { records, partition } of consumer) {
          const text = textOf(records[0] as never)
          seen.push(text)
          if (text === 'a0' && seen.length < 4) consumer.seek({ topic, partition, offset: 2n })
          if (text === 'a2' && seen.length < 4) {
            consumer.pause([{ topic, partition: 0 }])
            consumer.seek({ topic, partition, offset: 1n })
          }
        }
      })()
      await eventually('all but the paused were seen', () => seen.length === 3)
      await producer.send([value('b1', 1)])
      await eventually('the other partition goes on', () => seen.length === 4)
      assert.deepEqual(
        seen.filter((text) => text.startsWith('a')),
        ['a0', 'a2'],
      )
      consumer.resume([{ topic, partition: 0 }])
      await eventually('the rest was seen', () => seen.length === 6)
      assert.deepEqual(
        seen.filter((text) => text.startsWith('a')),
        ['a0', 'a2', 'a1', 'a2'],
      )
      await consumer.close()
      await loop
    })

    test('a handler that takes longer than the session keeps its membership and commits', async () => {
      const topic = await createTopic(options, 1)
      await send(topic, 0, 1)
      await using consumer = await member(topic, { sessionTimeoutMs, heartbeatIntervalMs: 1_000 })
      for await (const { generationId, signal, partition } of consumer) {
        await delay(sessionTimeoutMs + 1_500)
        assert.equal(signal.aborted, false)
        assert.equal(generationId, 1)
        await consumer.commit([{ topic, partition, offset: 1n }])
        break
      }
    })

    test('two members share the partitions and take over from each other: every record is handled, in order', async () => {
      const topic = await createTopic(options, 6)
      const groupId = uniqueName('group')
      const ledger = new GroupLedger()
      const isOver = new AbortController()
      const sending = sendUntil(isOver.signal, (from) => send(topic, from, 20))
      await using first = await member(topic, { groupId, maxBatchRecords: 7 })
      const firstLoop = ledger.run('first', first)
      await eventually('the first owns all', () => first.assignment().length === 6)
      await using second = await member(topic, { groupId, maxBatchRecords: 7 })
      const secondLoop = ledger.run('second', second)
      await eventually(
        'they share',
        () => first.assignment().length === 3 && second.assignment().length === 3,
      )
      await eventually('both handle records', () => ledger.handledBy('second') > 100)
      await first.close()
      // Long before the session of the first is over.
      await eventually('the second took over', () => second.assignment().length === 6, {
        timeoutMs: 30_000,
      })
      await using third = await member(topic, { groupId, maxBatchRecords: 7 })
      const thirdLoop = ledger.run('third', third)
      await eventually('the third handles records', () => ledger.handledBy('third') > 0)
      isOver.abort()
      const count = await sending
      await eventually('everything was handled', () => ledger.distinctCount === count)
      ledger.assertOrder()
      await using admin = await createAdmin(options)
      await eventually('no lag is left', async () =>
        (await admin.groupLag(groupId, [topic])).every(({ lagRecords }) => lagRecords === 0),
      )
      await Promise.all([second.close(), third.close()])
      await Promise.all([firstLoop, secondLoop, thirdLoop])
    })

    test('what was handled may be committed in onRevoked, when another member joins and at the close', async () => {
      const topic = await createTopic(options, 2)
      const groupId = uniqueName('group')
      await send(topic, 0, 50)
      const handled = new Map<number, bigint>()
      const outcomes: string[] = []
      const first = await member(topic, {
        groupId,
        onRevoked: async (partitions) => {
          const offsets = partitions.flatMap((row) => {
            const offset = handled.get(row.partition)
            return offset === undefined ? [] : [{ ...row, offset }]
          })
          outcomes.push(
            await first.commit(offsets).then(
              () => 'committed',
              (error: unknown) => (error as KafkaError).code,
            ),
          )
        },
      })
      const loop = (async () => {
        for await (const { partition, records } of first)
          handled.set(partition, (records.at(-1)?.offset as bigint) + 1n)
      })()
      await eventually('handled', () => handled.size === 2)
      await using second = await member(topic, { groupId })
      const secondLoop = drain(second)
      await eventually('shared', () =>
        [first, second].every((each) => each.assignment().length === 1),
      )
      await first.close()
      await loop
      assert.deepEqual(outcomes, ['committed', 'committed'])
      await second.close()
      await secondLoop
    })

    test('when a member joins, the batch under way may be finished and committed; the signal ends one that takes too long', async () => {
      const topic = await createTopic(options, 2)
      const groupId = uniqueName('group')
      await send(topic, 0, 50)
      await using first = await member(topic, {
        groupId,
        rebalanceTimeoutMs: 10_000,
        maxBatchRecords: 1,
      })
      const outcomes: string[] = []
      let isSlow = false
      let isSlowUnderWay = false
      const loop = (async () => {
        for await (const { signal, topic: name, partition, records } of first) {
          isSlowUnderWay = isSlow
          await delay(isSlow ? 300_000 : 200, undefined, { signal }).catch(() => {})
          const offset = (records[0]?.offset as bigint) + 1n
          const outcome = await first.commit([{ topic: name, partition, offset }]).then(
            () => 'committed',
            (error: unknown) => (error as KafkaError).code,
          )
          outcomes.push(`${signal.aborted ? 'aborted' : 'in time'}, ${outcome}`)
        }
      })()
      await eventually('handling', () => outcomes.length > 0)
      await using second = await member(topic, { groupId })
      const secondLoop = drain(second)
      await eventually('shared', () => second.assignment().length === 1)
      assert.deepEqual(new Set(outcomes), new Set(['in time, committed']))
      isSlow = true
      await eventually('handling slowly', () => isSlowUnderWay)
      await second.close()
      await eventually('the slow batch was ended', () =>
        outcomes.some((text) => text.startsWith('aborted')),
      )
      assert.ok(outcomes.includes('aborted, MR_KAFKA_FENCED'), outcomes.join('; '))
      await first.close()
      await Promise.all([loop, secondLoop])
    })

    test('an outage: the loop waits, and goes on by itself soon after the broker is back', async () => {
      const topic = await createTopic(options, 3)
      const ledger = new GroupLedger()
      await using consumer = await member(topic)
      const loop = ledger.run('only', consumer)
      await send(topic, 0, 100)
      await eventually('the first records were handled', () => ledger.distinctCount === 100)
      await kafka.kill()
      await delay(3_000)
      await kafka.restart()
      await send(topic, 100, 100)
      const sentAtMs = performance.now()
      await eventually('the later records were handled', () => ledger.distinctCount === 200)
      const waitMs = performance.now() - sentAtMs
      assert.ok(waitMs < 40_000, `went on after ${waitMs} ms`)
      ledger.assertOrder()
      await consumer.close()
      await loop
    })

    test('a network that swallows everything for a while only delays: nothing is skipped', async () => {
      const topic = await createTopic(options, 3)
      await using proxy = await startFaultProxy(kafka.port)
      const ledger = new GroupLedger()
      await using consumer = await member(topic, {
        brokers: [proxy.address],
        mapAddress: () => proxy,
        requestTimeoutMs: 2_000,
        maxWaitMs: 100,
      })
      const loop = ledger.run('only', consumer)
      await send(topic, 0, 100)
      await eventually('the first records were handled', () => ledger.distinctCount === 100)
      proxy.setFlow('blackhole')
      await send(topic, 100, 100)
      await delay(3_000)
      proxy.heal()
      await eventually('the later records were handled', () => ledger.distinctCount === 200)
      proxy.cut()
      await send(topic, 200, 100)
      await eventually('and those after a cut', () => ledger.distinctCount === 300)
      ledger.assertOrder()
      await consumer.close()
      await loop
    })

    test('a consumer that begins before its broker and its topic are there reads from the first record', async () => {
      const topic = uniqueName('topic')
      await kafka.shutDown()
      await using consumer = await member(topic)
      const ledger = new GroupLedger()
      const loop = ledger.run('only', consumer)
      await delay(300)
      await kafka.restart()
      await using admin = await createAdmin({ ...options, requestTimeoutMs: 60_000 })
      await admin.ensureTopics([{ name: topic, partitions: 2 }])
      await send(topic, 0, 50)
      await eventually('all was handled', () => ledger.distinctCount === 50)
      await consumer.close()
      await loop
    })

    test('close leaves the group at once, ends the loop, and commits are refused afterwards', async () => {
      const topic = await createTopic(options, 1)
      const groupId = uniqueName('group')
      await using first = await member(topic, { groupId })
      const loop = drain(first)
      await eventually('assigned', () => first.assignment().length === 1)
      await first.close()
      await loop
      await assert.rejects(first.commit([{ topic, partition: 0, offset: 1n }]), {
        code: 'MR_KAFKA_FENCED',
      })
      const startedMs = performance.now()
      await using second = await member(topic, { groupId })
      const secondLoop = drain(second)
      await eventually('the next member owns it', () => second.assignment().length === 1)
      assert.ok(
        performance.now() - startedMs < 40_000,
        'without waiting for the session of the first',
      )
      await second.close()
      await secondLoop
    })

    test('an instance id used twice fences the first member for good', async () => {
      const topic = await createTopic(options, 1)
      const groupId = uniqueName('group')
      await using first = await member(topic, { groupId, instanceId: 'one' })
      const firstLoop = drain(first)
      await eventually('assigned', () => first.assignment().length === 1)
      await using second = await member(topic, { groupId, instanceId: 'one' })
      const secondLoop = drain(second)
      await assert.rejects(firstLoop, { code: 'MR_KAFKA_INSTANCE_FENCED' })
      await eventually('the second owns it', () => second.assignment().length === 1)
      await assert.rejects(
        first.close({ groupMembershipOperation: 'LEAVE_GROUP' }),
        { code: 'MR_KAFKA_INSTANCE_FENCED' },
        'it cannot take the second along',
      )
      await second.commit([{ topic, partition: 0, offset: 0n }])
      await second.close()
      await secondLoop
    })

    for (const { name, close, instanceId, remains } of [
      { name: 'a static member remains in the group', close: {}, instanceId: 'one', remains: true },
      {
        name: 'a static member leaves where it is told to',
        close: { groupMembershipOperation: 'LEAVE_GROUP' },
        instanceId: 'one',
        remains: false,
      },
      {
        name: 'a dynamic member remains where it is told to',
        close: { groupMembershipOperation: 'REMAIN_IN_GROUP' },
        instanceId: undefined,
        remains: true,
      },
    ] as const)
      test(`close: ${name}`, async () => {
        const topic = await createTopic(options, 1)
        const groupId = uniqueName('group')
        const identity = instanceId === undefined ? {} : { instanceId }
        await using consumer = await member(topic, { groupId, ...identity })
        const loop = drain(consumer)
        await eventually('assigned', () => consumer.assignment().length === 1)
        const { memberId } = consumer.groupMetadata()
        await consumer.close(close)
        await loop
        await using admin = await createAdmin(options)
        const [group] = await admin.describeGroups([groupId])
        assert.deepEqual(
          group?.members.map((row) => row.memberId),
          remains ? [memberId] : [],
        )
      })

    test('an admin throws out static members by their names, and nobody else', async () => {
      const topic = await createTopic(options, 2)
      const groupId = uniqueName('group')
      const entered = await Promise.all(
        ['one', 'two'].map(async (instanceId) => {
          const consumer = await member(topic, { groupId, instanceId })
          return { consumer, loop: drain(consumer) }
        }),
      )
      await eventually('both have something', () =>
        entered.every(({ consumer }) => consumer.assignment().length === 1),
      )
      for (const { consumer, loop } of entered) {
        await consumer.close()
        await loop
      }
      await using admin = await createAdmin(options)
      await admin.removeGroupMembers(groupId, ['one', 'unknown'])
      const [group] = await admin.describeGroups([groupId])
      assert.deepEqual(
        group?.members.map((row) => row.instanceId),
        ['two'],
      )
    })

    test('onAssigned and onRevoked tell of every change', async () => {
      const topic = await createTopic(options, 2)
      const calls: string[] = []
      await using consumer = await member(topic, {
        onAssigned: (partitions) => void calls.push(`+${partitions.length}`),
        onRevoked: (partitions) => void calls.push(`-${partitions.length}`),
      })
      const loop = drain(consumer)
      await eventually('assigned', () => calls.length === 1)
      await consumer.close()
      await loop
      assert.deepEqual(calls, ['+2', '-2'])
    })
  })

async function drain(consumer: Consumer): Promise<void> {
  for await (const _batch of consumer) {
    // Nothing to do: being handed out is what is tested.
  }
}

/** Calls `send` with 0, 20, 40, … until told that it is over; gives how many records that were. */
async function sendUntil(
  isOver: AbortSignal,
  send: (from: number) => Promise<unknown>,
): Promise<number> {
  let from = 0
  for (; !isOver.aborted; from += 20) {
    await send(from)
    await delay(10)
  }
  return from
}
