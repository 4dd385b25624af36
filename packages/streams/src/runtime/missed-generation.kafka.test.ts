import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { armFaults, eventually } from '@millrace/core/testing'
import {
  createAdmin,
  createConsumer,
  createTransactionalProducer,
  type Consumer,
  type GroupMember,
  type KafkaOptions,
  type MemberShare,
  type TopicPartition,
} from '@millrace/kafka'
import { kafkaBackends, startFaultProxy, type RunningKafka } from '@millrace/testkit'
import {
  countsOf,
  createTopics,
  readCommitted,
  stateDirectory,
  text,
  uniqueName,
  write,
} from '../../test/streams-fixture.ts'
import { StreamsBuilder } from '../dsl/streams-builder.ts'
import { longSerde } from '../serde.ts'
import type { RestoreProgress } from './state/changelog-restorer.ts'
import { StreamsApp, type StreamsAppOptions } from './streams-app.ts'

const taskId = '0_0'
const patience = { timeoutMs: 180_000 }

/**
 * Another instance of an app with one task, by hand: it joins first and so leads the group, deals the task out as it is told to, and does
 * the task's work, as far as the group and the topics can see, where it has the task itself.
 */
class OtherInstance implements AsyncDisposable {
  /** Who is to have the task; the app keeps a copy where it is not the app. */
  owner: 'app' | 'other' = 'other'
  readonly #kafka: KafkaOptions
  readonly #applicationId: string
  readonly #input: string
  readonly #consumer: Consumer
  readonly #reading: Promise<void>

  static async join(
    kafka: KafkaOptions,
    applicationId: string,
    input: string,
  ): Promise<OtherInstance> {
    const consumer = await createConsumer({
      ...kafka,
      groupId: applicationId,
      topics: [input],
      heartbeatIntervalMs: 100,
      // It leads the group as long as the test lasts.
      sessionTimeoutMs: 300_000,
      assignors: [
        {
          name: 'millrace-streams-2',
          isCooperative: true,
          assign: (members) => other.#sharesOf(members),
        },
      ],
    })
    const other: OtherInstance = new OtherInstance(kafka, applicationId, input, consumer)
    await eventually('the other has the task', () => other.hasTask, patience)
    return other
  }

  private constructor(
    kafka: KafkaOptions,
    applicationId: string,
    input: string,
    consumer: Consumer,
  ) {
    this.#kafka = kafka
    this.#applicationId = applicationId
    this.#input = input
    this.#consumer = consumer
    this.#reading = drain(consumer)
  }

  get hasTask(): boolean {
    return this.#consumer.assignment().length === 1
  }

  /** Has the group deal out anew, to this owner. */
  giveTo(owner: 'app' | 'other'): void {
    this.owner = owner
    this.#consumer.enforceRebalance(`the task goes to the ${owner}`)
  }

  /** What the task does with all of its input: the last count of the key `k0`, with the offsets, in one transaction. */
  async work(count: number): Promise<void> {
    assert.ok(this.hasTask)
    await using producer = await createTransactionalProducer({
      ...this.#kafka,
      transactionalId: uniqueName('other'),
    })
    await producer.begin()
    await producer.sendColumns({
      topic: `${this.#applicationId}-counts-changelog`,
      keys: ['k0'],
      values: [longSerde.serialize(count)],
      partitions: 0,
    })
    const offset = { topic: this.#input, partition: 0, offset: BigInt(count) }
    await producer.sendOffsets([offset], () => this.#consumer.groupMetadata())
    await producer.commit()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#consumer.close()
    await this.#reading
  }

  /** Members of the app say what they are; this one says nothing. What is to move is given up by its owner first (KIP-429). */
  #sharesOf(members: readonly GroupMember[]): ReadonlyMap<string, MemberShare> {
    const task: readonly TopicPartition[] = [{ topic: this.#input, partition: 0 }]
    const owned = members.find(({ ownedPartitions }) => ownedPartitions.length > 0)
    return new Map(
      members.map((member) => {
        const { memberId, userData } = member
        const isOwner = (userData === null ? 'other' : 'app') === this.owner
        const isFree = owned === undefined || owned === member
        const told = { active: isOwner ? [taskId] : [], standby: isOwner ? [] : [taskId] }
        return [
          memberId,
          {
            partitions: isOwner && isFree ? task : [],
            userData: Buffer.from(JSON.stringify({ ...told, instances: [] })),
          },
        ]
      }),
    )
  }
}

async function drain(consumer: Consumer): Promise<void> {
  for await (const _ of consumer) continue
}

for (const backend of await kafkaBackends())
  describe(`a member that missed a generation on ${backend.name}`, () => {
    let kafka: RunningKafka
    let options: KafkaOptions
    before(async () => {
      kafka = await backend.start()
      options = { brokers: kafka.brokers, clientId: 'streams-test' }
    })
    after(() => kafka.stop())

    const subject = async (type: 'memory' | 'persistent', stateDir: string) => {
      const [input, output] = [uniqueName('keys'), uniqueName('counts')]
      const applicationId = uniqueName('app')
      await createTopics(options, 1, input, output, `${applicationId}-counts-changelog`)
      const builder = new StreamsBuilder()
      builder
        .stream(input, text)
        .groupByKey()
        .count({ store: { name: 'counts', type } })
        .toStream()
        .to(output, { value: longSerde })
      const settings: StreamsAppOptions = {
        applicationId,
        brokers: kafka.brokers,
        topology: builder.build(),
        guarantee: 'exactly_once_v2',
        commitIntervalMs: 50,
        heartbeatIntervalMs: 100,
        cacheMaxBytes: 0,
        stateDir,
      }
      const put = async (count: number): Promise<void> => {
        for (let each = 0; each < count; each++) await write(options, input, ['x'])
      }
      const counted = (expected: readonly number[]) =>
        eventually(
          'counted',
          async () => {
            const counts = countsOf(await readCommitted(options, output))
            assert.deepEqual(counts.get('k0'), expected)
            return true
          },
          patience,
        )
      return { applicationId, input, settings, put, counted }
    }

    for (const type of ['memory', 'persistent'] as const)
      test(`a task comes back to a member that was cut off while another one had it: it goes on where that one was, state ${type === 'memory' ? 'in memory' : 'on disk'}`, async () => {
        await using directory = await stateDirectory()
        const { applicationId, input, settings, put, counted } = await subject(type, directory.path)
        await using proxy = await startFaultProxy(kafka.port)
        await using admin = await createAdmin(options)
        await using other = await OtherInstance.join(options, applicationId, input)
        await using app = new StreamsApp({
          ...settings,
          brokers: [proxy.address],
          mapAddress: () => proxy,
          // The least that Apache Kafka takes.
          sessionTimeoutMs: 6_000,
          requestTimeoutMs: 10_000,
        })
        other.owner = 'app'
        await app.start()
        await put(3)
        await counted([1, 2, 3])

        other.giveTo('other')
        await eventually('the other has it', () => other.hasTask, patience)
        proxy.setFlow('blackhole')
        await eventually(
          'the group goes on without the app',
          async () => {
            const [group] = await admin.describeGroups([applicationId])
            return group?.members.length === 1
          },
          patience,
        )
        await put(7)
        await other.work(10)
        other.giveTo('app')
        proxy.heal()
        // What was swallowed leaves its connections waiting for ever.
        proxy.cut()
        await put(1)
        await counted([1, 2, 3, 11])
        await app.close()
        assert.equal(app.failure, undefined)
      })

    test('a task comes back while answers about its changelog are on the way from before: these are old, and it waits for the new one', async () => {
      await using directory = await stateDirectory()
      const { applicationId, input, settings, put, counted } = await subject(
        'memory',
        directory.path,
      )
      await using other = await OtherInstance.join(options, applicationId, input)
      await put(3)
      await other.work(3)
      // Each time the app has asked where the changelog ends, the answer waits here.
      const answers: PromiseWithResolvers<void>[] = []
      const disarm = armFaults((point) => {
        if (point !== 'streams.restore.afterEnds') return
        const answer = Promise.withResolvers<void>()
        answers.push(answer)
        return answer.promise
      })
      const starts: RestoreProgress[] = []
      try {
        await using app = new StreamsApp({
          ...settings,
          onRestore: (progress) => {
            if (progress.phase === 'start') starts.push(progress)
          },
        })
        const asked = (times: number) =>
          eventually(`asked ${times} times`, () => answers.length === times, patience)
        other.owner = 'app'
        await app.start()
        await asked(1)
        other.giveTo('other')
        await asked(2)
        await eventually('the other has it', () => other.hasTask, patience)
        await put(7)
        await other.work(10)
        other.giveTo('app')
        await asked(3)
        for (const old of answers.slice(0, 2)) {
          old.resolve()
          await setImmediate()
        }
        assert.deepEqual(starts, [], 'nothing is restored by what was so before')
        assert.equal(app.state, 'REBALANCING')
        answers[2]?.resolve()
        disarm()
        await put(1)
        await counted([11])
        assert.ok(starts.every(({ endOffset }) => endOffset >= 4))
      } finally {
        disarm()
        for (const answer of answers) answer.resolve()
      }
    })
  })
