import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { silentLogger, type Logger } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { kafkaBackends, type RunningKafka } from '@millrace/testkit'
import { createTopic, uniqueName } from '../test/fixtures.ts'
import { OwnershipWatch } from '../test/ownership-watch.ts'
import {
  createAdmin,
  createConsumer,
  createProducer,
  type Consumer,
  type ConsumerOptions,
  type KafkaOptions,
  type PartitionAssignor,
  type Producer,
} from './index.ts'

for (const backend of await kafkaBackends())
  describe(`rebalances on ${backend.name}`, () => {
    let kafka: RunningKafka
    let options: KafkaOptions
    let producer: Producer
    before(async () => {
      kafka = await backend.start()
      options = { brokers: kafka.brokers, clientId: 'rebalance-test' }
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
        sessionTimeoutMs: 30_000,
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

    test('cooperative: a newcomer takes only its part; the batch under way of a partition that stays goes on, and commits', async () => {
      const topic = await createTopic(options, 4)
      const groupId = uniqueName('group')
      const more = { groupId, assignors: ['cooperative-sticky'] as const, maxBatchRecords: 5 }
      const calls: string[] = []
      await using first = await member(topic, {
        ...more,
        onAssigned: (rows) => void calls.push(`+${rows.length}`),
        onRevoked: (rows) => void calls.push(`-${rows.length}`),
      })
      // All that the first reads is held until the rebalance is over: nothing but what moves may be taken from it.
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
      await eventually('the first owns all', () => first.assignment().length === 4)
      await send(topic, 0, 200)
      await eventually('all are held', () => held.size === 4)
      const generationBefore = first.groupMetadata().generationId
      await using second = await member(topic, more)
      const reading = drain(second)
      await eventually('they share', () => second.assignment().length === 2)
      const kept = new Set(first.assignment().map(({ partition }) => partition))
      assert.equal(kept.size, 2)
      for (const [partition, signal] of held)
        assert.equal(signal.aborted, !kept.has(partition), `partition ${partition}`)
      assert.ok(first.groupMetadata().generationId > generationBefore)
      release.resolve()
      await eventually('the kept ones are committed', () =>
        [...kept].every((partition) => committed.get(partition) === 'committed'),
      )
      assert.deepEqual(calls.slice(0, 2), ['+4', '-2'])
      assert.ok(
        calls.slice(2).every((call) => call === '+0'),
        calls.join(' '),
      )
      await second.close()
      await eventually('the first has all again', () => first.assignment().length === 4)
      await eventually('and was told', () => calls.includes('+2'))
      await first.close()
      await Promise.all([...loops, reading])
    })

    test('cooperative: a member may ask for a rebalance; everybody keeps what is dealt out as before', async () => {
      const topic = await createTopic(options, 2)
      const more = { groupId: uniqueName('group'), assignors: ['cooperative-sticky'] as const }
      const revoked: unknown[] = []
      const watched = { ...more, onRevoked: (rows: unknown) => void revoked.push(rows) }
      await using first = await member(topic, watched)
      await using second = await member(topic, watched)
      const reading = [drain(first), drain(second)]
      await eventually(
        'they share',
        () => first.assignment().length === 1 && second.assignment().length === 1,
      )
      revoked.length = 0
      const before = second.groupMetadata().generationId
      second.enforceRebalance('to see whether anything is to move')
      await eventually('both are in a later generation', () =>
        [first, second].every((each) => each.groupMetadata().generationId > before),
      )
      assert.deepEqual(revoked, [])
      await Promise.all([first.close(), second.close()])
      await Promise.all(reading)
    })

    for (const assignors of [['range'], ['roundrobin'], ['cooperative-sticky']] as const)
      test(`storm with ${assignors[0]}: members come and go; nobody reads a partition that another owns, nothing is lost`, async () => {
        const topic = await createTopic(options, 6)
        const groupId = uniqueName('group')
        const watch = new OwnershipWatch()
        const loops: Promise<void>[] = []
        const enter = async (name: string): Promise<Consumer> => {
          const consumer = await member(topic, {
            groupId,
            assignors,
            maxBatchRecords: 20,
            ...watch.callbacks(name),
          })
          loops.push(watch.read(name, consumer))
          return consumer
        }
        const present = [await enter('m0')]
        await eventually('it begins', () => present[0]?.assignment().length === 6)
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
        await eventually('everything is read', () => watch.distinctCount === sent, {
          timeoutMs: 60_000,
        })
        for (const consumer of present) await consumer.close()
        await Promise.all(loops)
        watch.assertClean()
        assert.equal(watch.lostCount, 0)
      })

    for (const isLeader of [false, true])
      test(`a static member that ${isLeader ? 'leads' : 'follows'} and comes back within its session gets its partitions without a rebalance`, async () => {
        const topic = await createTopic(options, 4)
        const groupId = uniqueName('group')
        const assignors = ['cooperative-sticky'] as const
        // Whoever is alone first leads.
        const enter = async (instanceId: string) => {
          const consumer = await member(topic, { groupId, assignors, instanceId })
          const loop = drain(consumer)
          await eventually('in the group', () => consumer.groupMetadata().generationId > 0)
          return { consumer, loop }
        }
        const early = await enter(isLeader ? 'one' : 'other')
        const late = await enter(isLeader ? 'other' : 'one')
        const { consumer: other, loop: otherLoop } = isLeader ? late : early
        const { consumer: first, loop: firstLoop } = isLeader ? early : late
        // Each may have its two a generation earlier than the other: nothing is to come once both are in one.
        const settled = await eventually('shared', () => {
          const [{ generationId }, mine] = [other.groupMetadata(), first.groupMetadata()]
          const isShared = [other, first].every((each) => each.assignment().length === 2)
          return isShared && mine.generationId === generationId && generationId
        })
        const before = first.assignment()
        await first.close()
        await firstLoop
        await using again = await member(topic, { groupId, assignors, instanceId: 'one' })
        const againLoop = drain(again)
        await eventually('it has them back', () => again.assignment().length === 2)
        const numbers = (rows: typeof before): number[] =>
          rows.map(({ partition }) => partition).toSorted((a, b) => a - b)
        assert.deepEqual(numbers(again.assignment()), numbers(before))
        assert.equal(other.groupMetadata().generationId, settled)
        await Promise.all([other.close(), again.close()])
        await Promise.all([otherLoop, againLoop])
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
      await eventually('it lost them', () => lost.length > 0)
      assert.equal(lost[0], 2)
      await using other = await member(topic, { groupId })
      const otherLoop = drain(other)
      await eventually('another has them', () => other.assignment().length === 2)
      release.resolve()
      await eventually('they share', () =>
        [slow, other].every((each) => each.assignment().length === 1),
      )
      assert.equal(signalled, 1)
      await Promise.all([slow.close(), other.close()])
      await Promise.all([slowLoop, otherLoop])
    })

    test('code that blocks the event loop is told of, and survived within the session', async () => {
      const topic = await createTopic(options, 1)
      const warnings: string[] = []
      const logger: Logger = {
        ...silentLogger,
        warn: (message) => void warnings.push(message),
        child: () => logger,
      }
      // Told of from a third of the session on; the rest is room for a slow machine.
      await using consumer = await member(topic, { sessionTimeoutMs: 12_000, logger })
      const loop = drain(consumer)
      await eventually('assigned', () => consumer.assignment().length === 1)
      const { generationId } = consumer.groupMetadata()
      const untilMs = performance.now() + 4_500
      while (performance.now() < untilMs); // What is tested.
      await eventually('told', () => warnings.some((text) => text.includes('event loop')))
      await delay(300)
      assert.equal(consumer.groupMetadata().generationId, generationId)
      await consumer.close()
      await loop
    })

    test('a pattern takes in topics that come to match it', async () => {
      const prefix = uniqueName('pattern')
      await using admin = await createAdmin(options)
      await admin.ensureTopics([{ name: uniqueName('elsewhere'), partitions: 1 }])
      await using consumer = await member('unused', { topics: new RegExp(`^${prefix}`, 'g') })
      const loop = drain(consumer)
      await eventually('it is a member', () => consumer.groupMetadata().generationId > 0)
      await admin.ensureTopics([{ name: `${prefix}-a`, partitions: 2 }])
      await eventually('the topic is read', () => consumer.assignment().length === 2)
      await consumer.close()
      await loop
    })

    test("an assignor of one's own: its user data reach the leader, and its shares the members", async () => {
      const topic = await createTopic(options, 3)
      const told: string[] = []
      // Everything goes to the member whose user data say so.
      const allToOne = (userData: string): PartitionAssignor => ({
        name: 'all-to-one',
        isCooperative: false,
        userData: () => Buffer.from(userData),
        assign: (members, counts) =>
          new Map(
            members.map((each) => [
              each.memberId,
              {
                partitions:
                  String(each.userData) === 'me'
                    ? Array.from({ length: counts.get(topic) ?? 0 }, (_, partition) => ({
                        topic,
                        partition,
                      }))
                    : [],
                userData: Buffer.from(`to ${String(each.userData)}`),
              },
            ]),
          ),
        onAssignment: (share) => void told.push(String(share.userData)),
      })
      const groupId = uniqueName('group')
      await using one = await member(topic, { groupId, assignors: [allToOne('not me')] })
      const oneLoop = drain(one)
      await eventually('alone', () => one.groupMetadata().generationId > 0)
      await using two = await member(topic, { groupId, assignors: [allToOne('me')] })
      const twoLoop = drain(two)
      await eventually('all is with the second', () => two.assignment().length === 3)
      for (const text of ['to not me', 'to me'])
        await eventually(`told "${text}"`, () => told.includes(text))
      await Promise.all([one.close(), two.close()])
      await Promise.all([oneLoop, twoLoop])
    })

    test('members without a common assignor are told so', async () => {
      const topic = await createTopic(options, 1)
      const groupId = uniqueName('group')
      await using first = await member(topic, { groupId, assignors: ['range'] })
      const loop = drain(first)
      await eventually('alone', () => first.assignment().length === 1)
      await using second = await member(topic, { groupId, assignors: ['roundrobin'] })
      await assert.rejects(drain(second), { code: 'MR_KAFKA_REFUSED' })
      await first.close()
      await loop
    })
  })

async function drain(consumer: Consumer): Promise<void> {
  for await (const _batch of consumer) {
    // Being handed out is enough.
  }
}

function onAbort(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
