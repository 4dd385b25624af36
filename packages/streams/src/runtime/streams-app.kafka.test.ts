import assert from 'node:assert/strict'
import { globSync, truncateSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { silentLogger } from '@millrace/core'
import { armFaults, eventually } from '@millrace/core/testing'
import { createAdmin, createProducer, type KafkaOptions } from '@millrace/kafka'
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
import type { StreamsError } from '../errors.ts'
import { StreamsApp, type StreamsAppOptions } from './streams-app.ts'
import type { StreamsState } from './app-state.ts'

const guarantees = ['exactly_once_v2', 'at_least_once'] as const
const lines = ['to be or not to be', 'that is the question', 'to be is to do']
const expected = new Map([
  ['to', 4],
  ['be', 3],
  ['or', 1],
  ['not', 1],
  ['that', 1],
  ['is', 2],
  ['the', 1],
  ['question', 1],
  ['do', 1],
])

for (const backend of await kafkaBackends())
  describe(`streams app on ${backend.name}`, () => {
    let kafka: RunningKafka
    let options: KafkaOptions
    before(async () => {
      kafka = await backend.start()
      options = { brokers: kafka.brokers, clientId: 'streams-test' }
    })
    after(() => kafka.stop())

    const totals = async (topic: string) =>
      new Map(
        [...countsOf(await readCommitted(options, topic))].map(([word, counts]) => [
          word,
          counts.at(-1),
        ]),
      )
    const subject = async (more: Partial<StreamsAppOptions> = {}) => {
      const [input, output] = [uniqueName('lines'), uniqueName('counts')]
      await createTopics(options, 3, input, output)
      const settings: StreamsAppOptions = {
        applicationId: uniqueName('app'),
        brokers: kafka.brokers,
        topology: wordCount(input, output),
        guarantee: 'exactly_once_v2',
        commitIntervalMs: 50,
        // Each update is to be seen.
        cacheMaxBytes: 0,
        ...more,
      }
      return { input, output, settings }
    }

    for (const guarantee of guarantees)
      test(`words are counted through a repartition topic, ${guarantee}, and counted on by the next run`, async () => {
        await using directory = await stateDirectory()
        const { input, output, settings } = await subject({ guarantee, stateDir: directory.path })
        await write(options, input, lines)
        const states: StreamsState[] = []
        const app = new StreamsApp({ ...settings, onState: (state) => states.push(state) })
        await app.start()
        await eventually('counted', async () => {
          assert.deepEqual(await totals(output), expected)
          return true
        })
        await app.close()
        assert.deepEqual(states.slice(0, 2), ['REBALANCING', 'RUNNING'])
        assert.deepEqual(states.slice(-2), ['PENDING_SHUTDOWN', 'NOT_RUNNING'])
        await using admin = await createAdmin(options)
        const lag = await admin.groupLag(settings.applicationId, [input])
        assert.equal(
          lag.reduce((sum, { lagRecords }) => sum + lagRecords, 0),
          0,
          'everything is committed',
        )
        const restored: string[] = []
        await using again = new StreamsApp({
          ...settings,
          onRestore: ({ phase, store }) => restored.push(`${phase} ${store}`),
        })
        await again.start()
        await write(options, input, ['to be'])
        await eventually('counted on', async () => {
          const counts = await totals(output)
          assert.deepEqual([counts.get('to'), counts.get('be'), counts.get('or')], [5, 4, 1])
          return true
        })
        assert.ok(restored.includes('end counts'), restored.join())
        if (guarantee === 'exactly_once_v2')
          for (const [word, counts] of countsOf(await readCommitted(options, output)))
            assert.deepEqual(
              counts,
              counts.map((_, index) => index + 1),
              `each count of "${word}" once, in order`,
            )
      })

    for (const { name, damage, restoredRecords, warning } of [
      {
        name: 'only the tail is replayed',
        damage: () => {},
        restoredRecords: 0,
        warning: undefined,
      },
      {
        name: 'a file cut short is rebuilt from the changelog, and the log says so',
        damage: (file: string) => truncateSync(file, 4_096 * 3),
        restoredRecords: [...expected.values()].reduce((sum, count) => sum + count, 0),
        warning: 'the state on disk is damaged and is rebuilt from the changelogs',
      },
    ])
      test(`state on disk after a restart (trap 40): ${name}`, async () => {
        await using directory = await stateDirectory()
        const { input, output, settings } = await subject({ stateDir: directory.path })
        const persistent = { ...settings, topology: wordCount(input, output, 'persistent') }
        await write(options, input, lines)
        const app = new StreamsApp(persistent)
        await app.start()
        await eventually('counted', async () => {
          assert.deepEqual(await totals(output), expected)
          return true
        })
        await app.close()
        const files = globSync(`${directory.path}/*/1_*/data.mdb`)
        assert.ok(files.length > 0, 'tasks with state have a file')
        for (const file of files) damage(file)
        const ended = new Map<string, number>()
        const warnings: string[] = []
        await using again = new StreamsApp({
          ...persistent,
          logger: { ...silentLogger, warn: (message) => warnings.push(message) },
          onRestore({ taskId, phase, restoredCount }) {
            if (phase === 'end') ended.set(taskId, restoredCount)
          },
        })
        await again.start()
        await write(options, input, ['to be'])
        await eventually('counted on', async () => {
          const counts = await totals(output)
          assert.deepEqual([counts.get('to'), counts.get('be'), counts.get('or')], [5, 4, 1])
          // These words need not be of all partitions, and each is restored for itself.
          return again.state === 'RUNNING'
        })
        assert.equal(
          [...ended.values()].reduce((sum, count) => sum + count, 0),
          restoredRecords,
        )
        assert.equal(
          warnings.find((each) => each === warning),
          warning,
        )
      })

    test('a global table is read whole before the first task runs, and followed from then on (trap 31)', async () => {
      await using directory = await stateDirectory()
      const [orders, countries, output] = ['orders', 'countries', 'named'].map(uniqueName) as [
        string,
        string,
        string,
      ]
      await createTopics(options, 3, orders, countries, output)
      await using producer = await createProducer(options)
      const put = (topic: string, key: string, value: string) =>
        producer.send([{ topic, key, value }])
      await put(orders, 'o1', 'at')
      await put(countries, 'at', 'Austria')
      const builder = new StreamsBuilder()
      const names = builder.globalTable(countries, text, 'countries')
      builder
        .stream(orders, text)
        .joinGlobalTable(
          names,
          (country) => country,
          (_, name) => name,
        )
        .to(output, text)
      await using app = new StreamsApp({
        applicationId: uniqueName('app'),
        brokers: kafka.brokers,
        topology: builder.build(),
        guarantee: 'exactly_once_v2',
        commitIntervalMs: 50,
        stateDir: directory.path,
      })
      await app.start()
      const named = async (count: number) =>
        eventually('named', async () => {
          const records = await readCommitted(options, output)
          assert.equal(records.length, count)
          return records.map(({ key, value }) => `${key} ${String(value)}`).toSorted()
        })
      assert.deepEqual(await named(1), ['o1 Austria'])
      await put(countries, 'ch', 'Switzerland')
      // Followed at its own pace, so asked for until it is there.
      await eventually('known', async () => {
        await put(orders, 'o2', 'ch')
        return (await readCommitted(options, output)).some(({ key }) => key === 'o2')
      })
    })

    test('with a cache a commit sends each key at most once; the last counts are the same (trap 36)', async () => {
      await using directory = await stateDirectory()
      const { input, output, settings } = await subject({
        stateDir: directory.path,
        cacheMaxBytes: 1_000_000,
        commitIntervalMs: 1_000,
      })
      await write(
        options,
        input,
        Array.from({ length: 3_000 }, (_, index) => `word${index % 5}`),
      )
      await using app = new StreamsApp(settings)
      await app.start()
      await eventually('counted', async () => {
        const last = await totals(output)
        assert.equal(last.size, 5)
        for (const count of last.values()) assert.equal(count, 600)
        return true
      })
      const records = await readCommitted(options, output)
      assert.ok(records.length < 300, `${records.length} updates of 3,000 were sent`)
    })

    test('committed records of a repartition topic are deleted (trap 35)', async () => {
      await using directory = await stateDirectory()
      const { input, settings } = await subject({
        stateDir: directory.path,
        repartitionPurgeIntervalMs: 100,
      })
      await using app = new StreamsApp(settings)
      await app.start()
      await using admin = await createAdmin(options)
      const topic = `${settings.applicationId}-words-repartition`
      const partitions = [0, 1, 2].map((partition) => ({ topic, partition }))
      await eventually('deleted', async () => {
        await write(options, input, ['a b c d e f g h'])
        const begins = await admin.listOffsets(partitions, 'earliest')
        return begins.every(({ offset }) => offset > 0n)
      })
    })

    test('an error of the topology ends the app, says where it was, and leaves nothing of the transaction', async () => {
      await using directory = await stateDirectory()
      const [input, output] = [uniqueName('in'), uniqueName('out')]
      await createTopics(options, 1, input, output)
      await write(options, input, ['good', 'bad', 'good'])
      const builder = new StreamsBuilder()
      builder
        .stream(input, text)
        .mapValues(
          (value) => {
            if (value === 'bad') throw new Error('a bad one')
            return value
          },
          { value: text.value },
        )
        .to(output)
      const settings: StreamsAppOptions = {
        applicationId: uniqueName('app'),
        brokers: kafka.brokers,
        topology: builder.build(),
        guarantee: 'exactly_once_v2',
        commitIntervalMs: 5_000,
        stateDir: directory.path,
      }
      const app = new StreamsApp(settings)
      await app.start()
      await eventually('ended', () => app.state === 'ERROR')
      assert.equal((app.failure as StreamsError).code, 'MR_STREAMS_PROCESSING_FAILED')
      assert.match(String(app.failure), new RegExp(`${input}/0 at offset 1`))
      assert.deepEqual(await readCommitted(options, output), [])
      await app.close()
      await using tolerant = new StreamsApp({
        ...settings,
        commitIntervalMs: 50,
        onProcessingError: () => 'CONTINUE',
      })
      await tolerant.start()
      await eventually('both good ones', async () => {
        const records = await readCommitted(options, output)
        return records.length === 2
      })
      assert.equal(tolerant.droppedCount, 1)
    })

    test('what cannot start says why: a missing topic, an internal topic of another size, a state directory in use', async () => {
      await using directory = await stateDirectory()
      const { input, output, settings } = await subject({ stateDir: directory.path })
      const topology = wordCount(uniqueName('nowhere'), output)
      await assert.rejects(new StreamsApp({ ...settings, topology }).start(), {
        code: 'MR_STREAMS_MISSING_TOPIC',
      })
      await createTopics(options, 7, `${settings.applicationId}-words-repartition`)
      await assert.rejects(new StreamsApp(settings).start(), {
        code: 'MR_STREAMS_PARTITION_MISMATCH',
      })
      const other = { ...settings, applicationId: uniqueName('app') }
      await using first = new StreamsApp({ ...other, topology: wordCount(input, output) })
      await first.start()
      await assert.rejects(new StreamsApp(other).start(), { code: 'MR_STREAMS_STATE_DIRECTORY' })
    })

    test('state that cannot be written ends the session, not the app: it catches up from the changelog and counts on', async () => {
      await using directory = await stateDirectory()
      const { input, output, settings } = await subject({ stateDir: directory.path })
      let passes = 0
      const disarm = armFaults((point) => {
        if (point === 'streams.state.write' && [4, 5, 9].includes(++passes))
          throw new Error('no space left on device')
      })
      try {
        const warnings: string[] = []
        await using app = new StreamsApp({
          ...settings,
          topology: wordCount(input, output, 'persistent'),
          logger: {
            ...silentLogger,
            warn: (_, fields) =>
              warnings.push(String((fields?.['error'] as Error | undefined)?.message)),
          },
        })
        await app.start()
        for (let round = 1; round <= 10; round++) {
          await write(options, input, ['a b c d e f'])
          await eventually('counted', async () => {
            const counts = countsOf(await readCommitted(options, output))
            assert.equal(counts.size, 6)
            for (const each of counts.values())
              assert.deepEqual(
                each,
                Array.from({ length: round }, (_, index) => index + 1),
              )
            return true
          })
        }
        assert.ok(passes >= 9, `${passes} writes`)
        assert.equal(warnings.filter((each) => each.includes('no space left')).length, 3)
      } finally {
        disarm()
      }
    })

    test('brokers that go away for a while are waited for, and every count is there once', async () => {
      await using directory = await stateDirectory()
      const { input, output, settings } = await subject({ stateDir: directory.path })
      await using app = new StreamsApp({
        ...settings,
        topology: wordCount(input, output, 'persistent'),
      })
      await app.start()
      await eventually('running', () => app.state === 'RUNNING')
      for (let round = 1; round <= 2; round++) {
        await write(
          options,
          input,
          Array.from({ length: 300 }, (_, index) => `word${index % 10}`),
        )
        await kafka.kill()
        await kafka.restart()
        await eventually(
          'counted',
          async () => {
            const counts = countsOf(await readCommitted(options, output))
            assert.equal(counts.size, 10)
            for (const each of counts.values())
              assert.deepEqual(
                each,
                Array.from({ length: 30 * round }, (_, index) => index + 1),
              )
            return true
          },
          { timeoutMs: 180_000 },
        )
      }
    })
  })
