import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { silentLogger } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { createAdmin, createProducer, type KafkaOptions } from '@millrace/kafka'
import { kafkaBackends, type RunningKafka } from '@millrace/testkit'
import { readOnlyTopology } from '../../test/read-only-topology.ts'
import {
  createTopics,
  readCommitted,
  stateDirectory,
  uniqueName,
} from '../../test/streams-fixture.ts'
import type { RestoreProgress } from './state/changelog-restorer.ts'
import { StreamsApp } from './streams-app.ts'

const patience = { timeoutMs: 180_000, everyMs: 50 }

for (const backend of await kafkaBackends())
  describe(`read-only stores on ${backend.name}`, () => {
    let kafka: RunningKafka
    let options: KafkaOptions
    before(async () => {
      kafka = await backend.start()
      options = { brokers: kafka.brokers, clientId: 'streams-test' }
    })
    after(() => kafka.stop())

    for (const type of ['memory', 'persistent'] as const)
      test(`a store whose changelog is the topic it is filled from: ${type}, over a restart and on an empty disk (trap 41)`, async () => {
        const [prices, input, output] = [
          uniqueName('prices'),
          uniqueName('asked'),
          uniqueName('answers'),
        ]
        await createTopics(options, 2, prices, input, output)
        await using producer = await createProducer(options)
        const keys = Array.from({ length: 20 }, (_, index) => `k${index}`)
        const give = (word: string, given: readonly string[]) =>
          producer.sendColumns({
            topic: prices,
            keys: given,
            values: given.map((key) => `${word} ${key}`),
          })
        const application = {
          applicationId: uniqueName('app'),
          brokers: kafka.brokers,
          topology: readOnlyTopology({ prices, input, output }, type),
          guarantee: 'exactly_once_v2',
          // A machine may stand still for long, and what is done twice then would be counted twice.
          transactionTimeoutMs: 60_000,
          sessionTimeoutMs: 120_000,
          commitIntervalMs: 50,
          logger: silentLogger,
        } as const
        let asked = 0
        /** Asks for every key, until the answers are those of the store as it is to be. */
        const answersAre = async (wanted: (key: string) => string): Promise<void> => {
          await eventually('the answers', async () => {
            asked += keys.length
            await producer.sendColumns({ topic: input, keys, values: keys.map(() => '?') })
            let answers: Awaited<ReturnType<typeof readCommitted>> = []
            await eventually('as many answers as questions', async () => {
              answers = await readCommitted(options, output)
              return answers.length === asked
            })
            const last = new Map(answers.map(({ key, value }) => [key, String(value)]))
            return keys.every((key) => last.get(key) === wanted(key))
          })
        }
        const run = async (stateDir: string, work: () => Promise<void>): Promise<number> => {
          let restored = 0
          await using app = new StreamsApp({
            ...application,
            stateDir,
            onRestore({ phase, topic, restoredCount }: RestoreProgress) {
              assert.equal(topic, prices)
              if (phase === 'end') restored += restoredCount
            },
          })
          await app.start()
          await work()
          await app.close()
          assert.equal(app.failure, undefined)
          return restored
        }
        await using first = await stateDirectory()
        await using second = await stateDirectory()
        await give('low', keys)
        const atFirst = await run(first.path, () => answersAre((key) => `low ${key}`))
        // What nobody has processed yet is not restored, but processed.
        await give('high', keys.slice(10))
        const now = (key: string): string => `${keys.indexOf(key) < 10 ? 'low' : 'high'} ${key}`
        // A session that had to begin anew would restore what is in memory once more.
        const again = await run(first.path, () => answersAre(now))
        if (type === 'memory') assert.ok(again >= 20, `${again}`)
        else assert.deepEqual([atFirst, again], [0, 0])
        const elsewhere = await run(second.path, () => answersAre(now))
        assert.ok(elsewhere >= 30, `${elsewhere}`)
      })

    test('a task goes to a newcomer, however much its read-only store holds; who had it keeps nothing of that store, and reads all of it when it is back', async () => {
      const [prices, input, output] = [
        uniqueName('prices'),
        uniqueName('asked'),
        uniqueName('answers'),
      ]
      await createTopics(options, 2, prices, input, output)
      await using producer = await createProducer(options)
      await using admin = await createAdmin(options)
      const keys = Array.from({ length: 20 }, (_, index) => `k${index}`)
      const give = () => producer.sendColumns({ topic: prices, keys, values: keys })
      const application = {
        applicationId: uniqueName('app'),
        brokers: kafka.brokers,
        topology: readOnlyTopology({ prices, input, output }),
        guarantee: 'exactly_once_v2',
        commitIntervalMs: 50,
        heartbeatIntervalMs: 100,
        probingRebalanceIntervalMs: 500,
        standbyReplicas: 1,
        acceptableRecoveryLag: 0,
        logger: silentLogger,
      } as const
      const progress: RestoreProgress[] = []
      await using directory = await stateDirectory()
      await using first = new StreamsApp({
        ...application,
        stateDir: `${directory.path}/first`,
        onRestore: (each) => void progress.push(each),
      })
      await using second = new StreamsApp({ ...application, stateDir: `${directory.path}/second` })
      /** Records that are in the stores of tasks, as committed. */
      const kept = async (...apps: readonly StreamsApp[]): Promise<number> => {
        const lags = (await Promise.all(apps.map((app) => app.storeLags()))).flat()
        const own = lags.filter(({ role }) => role === 'active')
        return own.reduce((sum, { currentOffset }) => sum + currentOffset, 0)
      }
      const tasksOf = ({ threads }: StreamsApp) => threads.flatMap(({ taskIds }) => taskIds)
      await give()
      await first.start()
      await eventually('the first has all', async () => (await kept(first)) === 20, patience)
      await second.start()
      await eventually(
        'each has a task, and the first a copy of the other',
        async () => {
          const threads = await first.metadataForLocalThreads()
          const copies = threads.flatMap(({ standbyTasks }) => standbyTasks)
          return [first, second].every((app) => tasksOf(app).length === 1) && copies.length === 1
        },
        patience,
      )
      const [moved] = tasksOf(second)
      const partition = Number(moved?.split('_')[1])
      const copied = (await first.storeLags()).filter((row) => row.partition === partition)
      assert.deepEqual(copied, [], 'nobody takes what is left for the store as it is')
      await give()
      await eventually('both have all', async () => (await kept(first, second)) === 40, patience)
      progress.length = 0
      await second.close()
      await eventually(
        'the first has both tasks',
        () => tasksOf(first).length === 2 && first.state === 'RUNNING',
        patience,
      )
      const [end] = await admin.listOffsets([{ topic: prices, partition }], 'latest')
      const restored = progress.find((row) => row.partition === partition && row.phase === 'end')
      assert.ok(Number(end?.offset) > 0)
      assert.deepEqual(
        [restored?.role, restored?.restoredCount],
        ['active', Number(end?.offset)],
        'from the beginning',
      )
    })
  })
