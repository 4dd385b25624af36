import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { eventually } from '@millrace/core/testing'
import {
  createAdmin,
  createConsumer,
  createProducer,
  type Consumer,
  type KafkaOptions,
} from '@millrace/kafka'
import { kafkaBackends, type RunningKafka } from '@millrace/testkit'
import {
  countsOf,
  createTopics,
  readCommitted,
  stateDirectory,
  text,
  uniqueName,
  wordCount,
  write,
} from '../../test/streams-fixture.ts'
import { StreamsBuilder } from '../dsl/streams-builder.ts'
import { longSerde } from '../serde.ts'
import type { RestoreProgress } from './state/changelog-restorer.ts'
import { StreamsApp, type StreamsAppOptions } from './streams-app.ts'

/** Keys of state; more of them by hand. */
const keyCount = Number(process.env['MILLRACE_KEYS'] ?? 6_000)
const patience = { timeoutMs: 180_000, everyMs: 50 }
const wordsPerLine = 50

/** Instances of one application, all in this process, each with a state directory of its own. */
class Instances {
  readonly progress: RestoreProgress[] = []
  readonly #settings: StreamsAppOptions
  readonly #stateDir: string
  readonly #running = new Map<number, StreamsApp>()
  /** What each instance last told of each copy. */
  readonly #copies = new Map<number, Map<string, RestoreProgress>>()

  constructor(settings: StreamsAppOptions, stateDir: string) {
    this.#settings = settings
    this.#stateDir = stateDir
  }

  async start(index: number): Promise<StreamsApp> {
    const copies = new Map<string, RestoreProgress>()
    this.#copies.set(index, copies)
    const app = new StreamsApp({
      ...this.#settings,
      stateDir: `${this.#stateDir}/${index}`,
      onRestore: (progress) => {
        this.progress.push(progress)
        if (progress.role === 'standby') copies.set(progress.taskId, progress)
      },
    })
    this.#running.set(index, app)
    await app.start()
    return app
  }

  async close(index: number): Promise<void> {
    const app = this.#running.get(index)
    this.#running.delete(index)
    this.#copies.delete(index)
    await app?.close()
    assert.equal(app?.failure, undefined)
  }

  async closeAll(): Promise<void> {
    for (const index of this.#running.keys()) await this.close(index)
  }

  /** Tasks of each instance, and the states of all are RUNNING. */
  get loads(): readonly number[] {
    return [...this.#running.values()].map((app) => {
      assert.equal(app.state, 'RUNNING')
      return app.threads.reduce((sum, { taskIds }) => sum + taskIds.length, 0)
    })
  }

  /** Changelog records that tasks had to take before they ran. */
  restored(): number {
    return this.progress
      .filter(({ role, phase }) => role === 'active' && phase === 'end')
      .reduce((sum, { restoredCount }) => sum + restoredCount, 0)
  }

  /** Copies that follow a task, as of their last batch. */
  get copies(): readonly RestoreProgress[] {
    return [...this.#copies.values()]
      .flatMap((own) => [...own.values()])
      .filter(({ phase }) => phase !== 'end')
  }
}

for (const backend of await kafkaBackends())
  describe(`standbys on ${backend.name}`, () => {
    let kafka: RunningKafka
    let options: KafkaOptions
    before(async () => {
      kafka = await backend.start()
      options = { brokers: kafka.brokers, clientId: 'streams-standby-test' }
    })
    after(() => kafka.stop())

    const subject = async (type: 'memory' | 'persistent', more: Partial<StreamsAppOptions>) => {
      const [input, output] = [uniqueName('lines'), uniqueName('counts')]
      await createTopics(options, 3, input, output)
      const written = new Map<string, number>()
      const settings: StreamsAppOptions = {
        applicationId: uniqueName('app'),
        brokers: kafka.brokers,
        topology: wordCount(input, output, type),
        guarantee: 'exactly_once_v2',
        commitIntervalMs: 50,
        heartbeatIntervalMs: 100,
        probingRebalanceIntervalMs: 500,
        // A task goes to whoever has all, or what it has to read there would be a matter of chance.
        acceptableRecoveryLag: 0,
        cacheMaxBytes: 0,
        ...more,
      }
      /** Each word from `from` on once more. */
      const write = async (from: number, count: number): Promise<void> => {
        await using producer = await createProducer(options)
        const words = Array.from({ length: count }, (_, index) => `w${from + index}`)
        for (const word of words) written.set(word, (written.get(word) ?? 0) + 1)
        const lines = Array.from({ length: Math.ceil(count / wordsPerLine) }, (_, index) =>
          words.slice(index * wordsPerLine, (index + 1) * wordsPerLine).join(' '),
        )
        await producer.sendColumns({ topic: input, values: lines })
      }
      /** Every count of every word is there once, and in order. */
      const allCounted = () =>
        eventually(
          'all is counted',
          async () => {
            const counts = countsOf(await readCommitted(options, output))
            assert.equal(counts.size, written.size)
            for (const [word, count] of written)
              assert.deepEqual(
                counts.get(word),
                Array.from({ length: count }, (_, index) => index + 1),
              )
            return true
          },
          { ...patience, everyMs: 300 },
        )
      /** Each of the three counting tasks has a copy, which is where its changelog ends. */
      const allCopied = async (instances: Instances) => {
        await using admin = await createAdmin(options)
        const topic = `${settings.applicationId}-counts-changelog`
        const partitions = [0, 1, 2].map((partition) => ({ topic, partition }))
        await eventually(
          'copies have caught up',
          async () => {
            const ends = await admin.listOffsets(partitions, 'latest', 'read_uncommitted')
            assert.equal(instances.copies.length, 3)
            for (const { partition, offset } of instances.copies) {
              const end = ends.find((row) => row.partition === partition)?.offset
              // The marker of the last transaction is passed without a batch.
              assert.ok(offset >= Number(end) - 1, `${partition} is at ${offset} of ${end}`)
            }
            return true
          },
          patience,
        )
      }
      return { settings, write, allCounted, allCopied }
    }

    for (const type of ['persistent', 'memory'] as const)
      test(`three instances are restarted one after the other: no task restores more than what came meanwhile, state ${type === 'memory' ? 'in memory' : 'on disk'}`, async (t) => {
        await using directory = await stateDirectory()
        const { settings, write, allCounted, allCopied } = await subject(type, {
          standbyReplicas: 1,
        })
        const instances = new Instances(settings, directory.path)
        try {
          for (let index = 0; index < 3; index++) await instances.start(index)
          await eventually('shared', () => instances.loads.every((load) => load === 2), patience)
          await write(0, keyCount)
          await allCounted()
          let updates = 0
          for (let index = 0; index < 3; index++) {
            await allCounted()
            await allCopied(instances)
            instances.progress.length = 0
            await instances.close(index)
            await write(0, 100)
            updates += 100
            await eventually(
              'the others have all',
              () => instances.loads.reduce((sum, load) => sum + load, 0) === 6,
              patience,
            )
            // What was on its way when the copies were last looked at, and came before they were promoted.
            assert.ok(instances.restored() <= 200, `${instances.restored()} records restored`)
            await allCounted()
            instances.progress.length = 0
            await instances.start(index)
            await write(0, 100)
            updates += 100
            await eventually(
              'shared again',
              () => instances.loads.every((load) => load === 2),
              patience,
            )
            assert.ok(instances.restored() <= 200, `${instances.restored()} records restored`)
          }
          t.diagnostic(`${keyCount} keys, ${updates} updates in between`)
          await allCounted()
        } finally {
          await instances.closeAll()
        }
      })

    test('a newcomer is given tasks when its copies have warmed up; until then their owner goes on with them', async () => {
      await using directory = await stateDirectory()
      const { settings, write, allCounted } = await subject('memory', {})
      const instances = new Instances(settings, directory.path)
      try {
        await instances.start(0)
        await eventually('alone', () => instances.loads[0] === 6, patience)
        await write(0, keyCount)
        await allCounted()
        instances.progress.length = 0
        const newcomer = await instances.start(1)
        const countingOf = (): readonly string[] =>
          newcomer.threads.flatMap(({ taskIds }) => taskIds).filter((id) => id.startsWith('1_'))
        // Loads are even before that too: while the copies warm up, by tasks without state.
        await eventually(
          'shared, with counts',
          () => instances.loads.every((load) => load === 3) && countingOf().length > 0,
          patience,
        )
        const counting = countingOf()
        await write(0, 100)
        await allCounted()
        const warmedUp = instances.progress.filter(({ role }) => role === 'standby')
        const counts = new Map(warmedUp.map((each) => [each.taskId, each.restoredCount]))
        for (const id of counting)
          assert.ok((counts.get(id) ?? 0) > keyCount / 6, `${id} warmed up`)
        assert.ok(instances.restored() <= 100, `${instances.restored()} records restored`)
      } finally {
        await instances.closeAll()
      }
    })

    test('what stays with a thread is not touched by those that come and go', async () => {
      await using directory = await stateDirectory()
      const { settings, write, allCounted } = await subject('memory', {
        acceptableRecoveryLag: 1_000_000,
      })
      const instances = new Instances(settings, directory.path)
      try {
        const first = await instances.start(0)
        await eventually('alone', () => instances.loads[0] === 6, patience)
        await write(0, 1_000)
        await allCounted()
        for (let round = 0; round < 3; round++) {
          await instances.start(1)
          await eventually('shared', () => instances.loads.every((load) => load === 3), patience)
          const kept = first.threads.flatMap(({ taskIds }) => taskIds)
          instances.progress.length = 0
          await write(0, 100)
          await instances.close(1)
          await eventually('alone again', () => instances.loads[0] === 6, patience)
          await allCounted()
          const restored = new Set(instances.progress.map(({ taskId }) => taskId))
          for (const id of kept) assert.ok(!restored.has(id), `${id} stayed and was restored`)
        }
      } finally {
        await instances.closeAll()
      }
    })

    test('while the group waits for a member, tasks process and commit on', async () => {
      await using directory = await stateDirectory()
      const { settings } = await subject('memory', {})
      const [input, output] = [uniqueName('words'), uniqueName('counts')]
      await createTopics(options, 2, input, output)
      const builder = new StreamsBuilder()
      builder
        .stream(input, text)
        .groupByKey()
        .count({ store: { name: 'counts', type: 'memory' } })
        .toStream()
        .to(output, { value: longSerde })
      const app = new StreamsApp({
        ...settings,
        topology: builder.build(),
        stateDir: directory.path,
      })
      const release = Promise.withResolvers<void>()
      // Knows nothing of tasks, has no state, and so is given none as long as it has not warmed up.
      const slowMember = (onAssigned: () => Promise<void>) =>
        createConsumer({
          ...options,
          groupId: settings.applicationId,
          topics: [input],
          heartbeatIntervalMs: 100,
          assignors: [
            {
              name: 'millrace-streams-2',
              isCooperative: true,
              assign: () => assert.fail('the app leads'),
            },
          ],
          onAssigned,
        })
      await using admin = await createAdmin(options)
      const stateOfGroup = async () =>
        (await admin.describeGroups([settings.applicationId]))[0]?.state
      const isCounted = async (count: number) => {
        const counts = countsOf(await readCommitted(options, output))
        return counts.get('k0')?.at(-1) === count && counts.get('k1')?.at(-1) === count
      }
      try {
        await app.start()
        await write(options, input, ['a', 'b'])
        await eventually('counted', () => isCounted(1), patience)
        let isHeld = false
        await using first = await slowMember(async () => {
          isHeld = true
          await release.promise
        })
        const reading = drain(first)
        await eventually('the first holds up', () => isHeld, patience)
        await using second = await slowMember(async () => {})
        const readingToo = drain(second)
        await eventually(
          'waited for',
          async () => (await stateOfGroup()) === 'PreparingRebalance',
          patience,
        )
        await write(options, input, ['a', 'b'])
        await eventually('counted on', () => isCounted(2), patience)
        assert.equal(await stateOfGroup(), 'PreparingRebalance')
        release.resolve()
        await eventually('dealt out', async () => (await stateOfGroup()) === 'Stable', patience)
        await write(options, input, ['a', 'b'])
        await eventually('counted after it', () => isCounted(3), patience)
        await Promise.all([first.close(), second.close()])
        await Promise.all([reading, readingToo])
      } finally {
        release.resolve()
        await app.close()
      }
      assert.equal(app.failure, undefined)
      for (const [key, counts] of countsOf(await readCommitted(options, output)))
        assert.deepEqual(counts, [1, 2, 3], `counts of ${key}`)
    })
  })

async function drain(consumer: Consumer): Promise<void> {
  for await (const _ of consumer) continue
}
