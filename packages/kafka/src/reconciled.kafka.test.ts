/** Groups of the new protocol (KIP-848): what `rebalance.kafka.test.ts` asks of the classic one, where it makes sense, and what is its own. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { eventually } from '@millrace/core/testing'
import { kafkaBackends, startFaultProxy, type RunningKafka } from '@millrace/testkit'
import { createTopic, textOf, uniqueName } from '../test/fixtures.ts'
import { OwnershipWatch } from '../test/ownership-watch.ts'
import {
  createAdmin,
  createConsumer,
  createProducer,
  createTransactionalProducer,
  type Consumer,
  type ConsumerOptions,
  type KafkaOptions,
  type Producer,
} from './index.ts'

/** A rebalance takes a few heartbeats, a lost member its session of 10 s; and the machine may be busy. */
const patience = { timeoutMs: 60_000 }

for (const backend of await kafkaBackends())
  describe(`consumer groups (KIP-848) on ${backend.name}`, () => {
    let kafka: RunningKafka
    let options: KafkaOptions
    let producer: Producer
    before(async () => {
      kafka = await backend.start()
      options = { brokers: kafka.brokers, clientId: 'reconciled-test' }
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
        groupProtocol: 'consumer',
        topics: [topic],
        ...more,
      })
    const send = (topic: string, from: number, count: number): Promise<unknown> =>
      producer.send(
        Array.from({ length: count }, (_, index) => ({
          topic,
          key: String((from + index) % 97),
          value: String(from + index),
        })),
      )
    const numbersOf = (consumer: Consumer): number[] =>
      consumer
        .assignment()
        .map(({ partition }) => partition)
        .toSorted((a, b) => a - b)

    test('a newcomer takes only its part; the batch under way of a partition that stays goes on, and commits in the new epoch', async () => {
      const topic = await createTopic(options, 4)
      const groupId = uniqueName('group')
      const calls: string[] = []
      await using first = await member(topic, {
        groupId,
        maxBatchRecords: 5,
        onAssigned: (rows) => void calls.push(`+${rows.length}`),
        onRevoked: (rows) => void calls.push(`-${rows.length}`),
      })
      const release = Promise.withResolvers<void>()
      const held = new Map<number, AbortSignal>()
      const committed = new Map<number, string>()
      const loop = async (): Promise<void> => {
        for await (const { partition, signal, nextOffset } of first) {
          if (!held.has(partition)) {
            held.set(partition, signal)
            await Promise.race([release.promise, onAbort(signal)])
          }
          const offset = nextOffset
          const outcome = await first.commit([{ topic, partition, offset }]).then(
            () => 'committed',
            (error: unknown) => String((error as { code?: string }).code),
          )
          if (!committed.has(partition)) committed.set(partition, outcome)
        }
      }
      const loops = [loop(), loop(), loop(), loop()]
      await eventually('the first owns all', () => first.assignment().length === 4, patience)
      await send(topic, 0, 200)
      await eventually('all are held', () => held.size === 4, patience)
      const epochBefore = first.groupMetadata().generationId
      await using second = await member(topic, { groupId })
      const reading = drain(second)
      await eventually('they share', () => second.assignment().length === 2, patience)
      const kept = numbersOf(first)
      assert.equal(kept.length, 2)
      for (const [partition, signal] of held)
        assert.equal(signal.aborted, !kept.includes(partition), `partition ${partition}`)
      assert.ok(first.groupMetadata().generationId > epochBefore)
      release.resolve()
      await eventually(
        'the kept ones are committed',
        () => kept.every((partition) => committed.get(partition) === 'committed'),
        patience,
      )
      await second.close()
      await eventually('the first has all again', () => first.assignment().length === 4, patience)
      await eventually('and was told', () => calls.length === 4, patience)
      assert.deepEqual(calls, ['+4', '-2', '+0', '+2'])
      await using admin = await createAdmin(options)
      const [described] = await admin.describeGroups([groupId])
      assert.deepEqual(
        [described?.state, described?.protocol, described?.members[0]?.assignment.length],
        ['Stable', 'uniform', 4],
      )
      await first.close()
      await Promise.all([...loops, reading])
    })

    for (const serverAssignor of ['uniform', 'range'])
      test(`storm with ${serverAssignor}: members come and go; nobody reads a partition that another owns, nothing is lost`, async () => {
        const topic = await createTopic(options, 6)
        const groupId = uniqueName('group')
        const watch = new OwnershipWatch()
        const loops: Promise<void>[] = []
        const enter = async (name: string): Promise<Consumer> => {
          const consumer = await member(topic, {
            groupId,
            serverAssignor,
            maxBatchRecords: 20,
            ...watch.callbacks(name),
          })
          loops.push(watch.read(name, consumer))
          return consumer
        }
        const present = [await enter('m0')]
        await eventually('it begins', () => present[0]?.assignment().length === 6, patience)
        let sent = 0
        const isOver = Promise.withResolvers<void>()
        const sending = (async () => {
          for (let isSending = true; isSending;) {
            await send(topic, sent, 20)
            sent += 20
            isSending = await Promise.race([delay(15, true), isOver.promise.then(() => false)])
          }
        })()
        for (let turn = 1; turn <= 8; turn++) {
          if (turn % 3 === 0 || present.length > 3) await present.shift()?.close()
          else present.push(await enter(`m${turn}`))
          await delay(400) // The storm's own pace: mostly before the group has come to rest.
        }
        isOver.resolve()
        await sending
        await eventually('everything is read', () => watch.distinctCount === sent, patience)
        for (const consumer of present) await consumer.close()
        await Promise.all(loops)
        watch.assertClean()
        assert.equal(watch.lostCount, 0)
      })

    test('range cuts topics alike; a name without topic is waited for', async () => {
      const [one, two] = [await createTopic(options, 4), await createTopic(options, 4)]
      const late = uniqueName('late')
      const groupId = uniqueName('group')
      const topics = [one, two, late]
      const more = { groupId, topics, serverAssignor: 'range' }
      await using first = await member(one, more)
      await using second = await member(one, more)
      const loops = [drain(first), drain(second)]
      const areShared = (count: number): boolean =>
        [first, second].every((each) => each.assignment().length === count)
      await eventually('shared', () => areShared(4), patience)
      for (const each of [first, second]) {
        const [a, b] = [one, two].map((name) =>
          each
            .assignment()
            .filter(({ topic }) => topic === name)
            .map(({ partition }) => partition),
        )
        assert.deepEqual(a?.toSorted(), b?.toSorted())
      }
      await using admin = await createAdmin(options)
      await admin.ensureTopics([{ name: late, partitions: 2 }])
      await eventually('the late one is dealt out', () => areShared(5), patience)
      await Promise.all([first.close(), second.close()])
      await Promise.all(loops)
    })

    test('a static member that comes back has its partitions, and the other one is not disturbed', async () => {
      const topic = await createTopic(options, 4)
      const groupId = uniqueName('group')
      await using first = await member(topic, { groupId, instanceId: 'one' })
      const firstLoop = drain(first)
      await eventually('alone', () => first.assignment().length === 4, patience)
      const calls: string[] = []
      await using other = await member(topic, {
        groupId,
        instanceId: 'other',
        onRevoked: () => void calls.push('revoked'),
      })
      const otherLoop = drain(other)
      await eventually(
        'shared',
        () => [other, first].every((each) => each.assignment().length === 2),
        patience,
      )
      const before = numbersOf(first)
      await first.close()
      await firstLoop
      await using again = await member(topic, { groupId, instanceId: 'one' })
      const againLoop = drain(again)
      await eventually('it has them back', () => again.assignment().length === 2, patience)
      assert.deepEqual(numbersOf(again), before)
      assert.deepEqual(calls, [])
      await Promise.all([other.close(), again.close()])
      await Promise.all([otherLoop, againLoop])
    })

    test('a static member that is told to leave gives its part to the other at once', async () => {
      const topic = await createTopic(options, 2)
      const groupId = uniqueName('group')
      await using first = await member(topic, { groupId, instanceId: 'one' })
      const firstLoop = drain(first)
      await using other = await member(topic, { groupId, instanceId: 'other' })
      const otherLoop = drain(other)
      await eventually(
        'shared',
        () => [other, first].every((each) => each.assignment().length === 1),
        patience,
      )
      await first.close({ groupMembershipOperation: 'LEAVE_GROUP' })
      await firstLoop
      await using admin = await createAdmin(options)
      const [group] = await admin.describeGroups([groupId])
      assert.deepEqual(
        group?.members.map(({ instanceId }) => instanceId),
        ['other'],
      )
      await eventually('the other has all', () => other.assignment().length === 2, patience)
      await other.close()
      await otherLoop
    })

    test('an instance id that is in use is waited for, then told of', async () => {
      const topic = await createTopic(options, 1)
      const groupId = uniqueName('group')
      await using first = await member(topic, { groupId, instanceId: 'one' })
      const loop = drain(first)
      await eventually('alone', () => first.assignment().length === 1, patience)
      const more = { groupId, instanceId: 'one', rebalanceTimeoutMs: 1_000 }
      await using second = await member(topic, more)
      await assert.rejects(drain(second), { code: 'MR_KAFKA_INSTANCE_FENCED' })
      assert.equal(first.assignment().length, 1)
      await first.close()
      await loop
    })

    test('a member cut off for longer than its session loses its part to the other, is told so, and comes back', async () => {
      const topic = await createTopic(options, 4)
      const groupId = uniqueName('group')
      await using proxy = await startFaultProxy(kafka.port)
      const calls: string[] = []
      await using cutOff = await member(topic, {
        brokers: [proxy.address],
        mapAddress: () => proxy,
        groupId,
        onLost: (rows) => void calls.push(`lost ${rows.length}`),
      })
      await using other = await member(topic, { groupId })
      const loops = [drain(cutOff), drain(other)]
      const areShared = (): boolean =>
        [cutOff, other].every((each) => each.assignment().length === 2)
      await eventually('shared', areShared, patience)
      proxy.refuse()
      await eventually('the other has all', () => other.assignment().length === 4, patience)
      assert.deepEqual(calls, [], 'it does not know yet')
      proxy.heal()
      await eventually('shared again', () => calls.length > 0 && areShared(), patience)
      assert.deepEqual(calls, ['lost 2'])
      await Promise.all([cutOff.close(), other.close()])
      await Promise.all(loops)
    })

    test('the broker killed under load: members keep their partitions, commits go on, nothing is lost', async () => {
      const topic = await createTopic(options, 4)
      const groupId = uniqueName('group')
      const watch = new OwnershipWatch()
      await using first = await member(topic, { groupId, ...watch.callbacks('first') })
      await using second = await member(topic, { groupId, ...watch.callbacks('second') })
      const loops = [watch.read('first', first), watch.read('second', second)]
      const areShared = (): boolean =>
        [first, second].every((each) => each.assignment().length === 2)
      await eventually('shared', areShared, patience)
      await send(topic, 0, 500)
      const sending = send(topic, 500, 500)
      await kafka.kill()
      await kafka.restart()
      await sending
      await send(topic, 1_000, 500)
      await eventually('everything is read', () => watch.distinctCount === 1_500, {
        timeoutMs: 120_000,
      })
      await eventually(
        'committed',
        async () => {
          await using admin = await createAdmin(options)
          const rows = await admin.groupLag(groupId, [topic])
          return rows.length > 0 && rows.every(({ lagRecords }) => lagRecords === 0)
        },
        patience,
      )
      await Promise.all([first.close(), second.close()])
      await Promise.all(loops)
      watch.assertClean()
    })

    test('a loop that holds its batch beyond maxPollIntervalMs loses its partitions to others, and comes back', async () => {
      const topic = await createTopic(options, 2)
      const groupId = uniqueName('group')
      await send(topic, 0, 40)
      const lost: number[] = []
      const release = Promise.withResolvers<void>()
      await using slow = await member(topic, {
        groupId,
        maxPollIntervalMs: 1_000,
        onLost: (rows) => void lost.push(rows.length),
      })
      let signalled = 0
      const slowLoop = (async () => {
        for await (const { signal } of slow) {
          if (lost.length > 0) continue
          await release.promise
          if (signal.aborted) signalled++
        }
      })()
      await eventually('it lost them', () => lost.length > 0, patience)
      assert.equal(lost[0], 2)
      await using other = await member(topic, { groupId })
      const otherLoop = drain(other)
      await eventually('another has them', () => other.assignment().length === 2, patience)
      release.resolve()
      await eventually(
        'they share',
        () => [slow, other].every((each) => each.assignment().length === 1),
        patience,
      )
      assert.equal(signalled, 1)
      await Promise.all([slow.close(), other.close()])
      await Promise.all([slowLoop, otherLoop])
    })

    test('a pattern takes in topics that exist, and a topic made anew under its name is another one', async () => {
      const prefix = uniqueName('pattern')
      await using admin = await createAdmin(options)
      await admin.ensureTopics([{ name: `${prefix}-a`, partitions: 2 }])
      const calls: string[] = []
      await using consumer = await member('unused', {
        topics: new RegExp(`^${prefix}`, 'g'),
        onAssigned: (rows) => void calls.push(`+${rows.length}`),
        onRevoked: (rows) => void calls.push(`-${rows.length}`),
      })
      const values: string[] = []
      const loop = (async () => {
        for await (const batch of consumer) values.push(...batch.records.map(textOf))
      })()
      await eventually('the topic is read', () => consumer.assignment().length === 2, patience)
      await send(`${prefix}-a`, 0, 10)
      await eventually('read', () => values.length === 10, patience)
      await admin.deleteTopics([`${prefix}-a`])
      await eventually('it is gone', () => consumer.assignment().length === 0, patience)
      await admin.ensureTopics([{ name: `${prefix}-a`, partitions: 3 }])
      await eventually('it is back', () => consumer.assignment().length === 3, patience)
      await send(`${prefix}-a`, 10, 10)
      await eventually('read from its beginning', () => values.length >= 20, patience)
      assert.equal(new Set(values).size, 20)
      await consumer.close()
      await loop
    })

    test('read, process, write: offsets go into the transaction in the member’s epoch, also while the group changes', async () => {
      const [from, to] = [await createTopic(options, 4), await createTopic(options, 1)]
      const groupId = uniqueName('group')
      await send(from, 0, 300)
      const copy = async (consumer: Consumer, transactionalId: string): Promise<void> => {
        await using writer = await createTransactionalProducer({ ...options, transactionalId })
        for await (const { topic, partition, records, nextOffset: offset } of consumer) {
          await writer.begin()
          void writer
            .send(records.map(({ key, value }) => ({ topic: to, key, value })))
            .catch(() => {})
          void writer
            .sendOffsets([{ topic, partition, offset }], consumer.groupMetadata())
            .catch(() => {})
          try {
            await writer.commit()
          } catch {
            await writer.abort()
            const [row] = await consumer.committed([{ topic, partition }])
            if (consumer.assignment().some((each) => each.partition === partition))
              consumer.seek({ topic, partition, offset: row?.offset ?? 0n })
          }
        }
      }
      await using first = await member(from, { groupId, maxBatchRecords: 5 })
      const loops = [copy(first, uniqueName('copier'))]
      await eventually('it begins', () => first.assignment().length === 4, patience)
      await using second = await member(from, { groupId, maxBatchRecords: 5 })
      loops.push(copy(second, uniqueName('copier')))
      await eventually('they share', () => second.assignment().length === 2, patience)
      await eventually(
        'all is copied',
        async () => {
          await using admin = await createAdmin(options)
          const rows = await admin.groupLag(groupId, [from])
          return rows.length === 4 && rows.every(({ lagRecords }) => lagRecords === 0)
        },
        patience,
      )
      await Promise.all([first.close(), second.close()])
      await Promise.all(loops)
      const copied = await readCommitted(options, to, 300)
      assert.equal(copied.length, 300)
      assert.equal(new Set(copied).size, 300)
    })

    test('an assignor that the broker does not know is told of', async () => {
      const topic = await createTopic(options, 1)
      await using consumer = await member(topic, { serverAssignor: 'sticky' })
      await assert.rejects(drain(consumer), { code: 'MR_KAFKA_REFUSED', message: /sticky/ })
    })

    test('a group moves to the new protocol and back while it is empty, and keeps its offsets', async () => {
      const topic = await createTopic(options, 2)
      const groupId = uniqueName('group')
      await send(topic, 0, 30)
      const values: string[] = []
      for (const groupProtocol of ['classic', 'consumer', 'classic'] as const) {
        const size = values.length
        await using consumer = await member(topic, { groupId, groupProtocol, maxBatchRecords: 10 })
        for await (const batch of consumer) {
          values.push(...batch.records.map(textOf))
          const { partition, nextOffset: offset } = batch
          await consumer.commit([{ topic, partition, offset }])
          if (values.length - size >= 10 || values.length >= 30) break
        }
        await consumer.close()
      }
      assert.equal(new Set(values).size, values.length, 'nothing came twice')
    })
  })

async function drain(consumer: Consumer): Promise<void> {
  for await (const _batch of consumer) {
    // Being handed out is enough.
  }
}

async function readCommitted(
  options: KafkaOptions,
  topic: string,
  count: number,
): Promise<readonly string[]> {
  await using consumer = await createConsumer({ ...options, groupId: uniqueName('reader') })
  consumer.assign([{ topic, partition: 0, offset: 'earliest' }])
  const values: string[] = []
  for await (const batch of consumer) {
    values.push(...batch.records.map(textOf))
    if (values.length >= count) break
  }
  return values
}

function onAbort(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
