import assert from 'node:assert/strict'
import { existsSync, globSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { eventually } from '@millrace/core/testing'
import { createAdmin, type KafkaOptions } from '@millrace/kafka'
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
import type { StreamsState } from './app-state.ts'
import { StreamsApp, type StreamsAppOptions } from './streams-app.ts'

/** For waits in which threads begin: workers take their time on a busy machine. */
const patience = { timeoutMs: 120_000 }

for (const backend of await kafkaBackends())
  describe(`threads of an app on ${backend.name}`, () => {
    let kafka: RunningKafka
    let options: KafkaOptions
    before(async () => {
      kafka = await backend.start()
      options = { brokers: kafka.brokers, clientId: 'streams-threads-test' }
    })
    after(() => kafka.stop())

    const subject = async (inWorkers: boolean, stateDir: string) => {
      const [input, output] = [uniqueName('lines'), uniqueName('counts')]
      await createTopics(options, 4, input, output)
      const url = new URL('../../test/word-count-topology.ts', import.meta.url)
      url.search = `input=${input}&output=${output}`
      const settings: StreamsAppOptions = {
        applicationId: uniqueName('app'),
        clientId: 'words',
        brokers: kafka.brokers,
        topology: inWorkers ? url : wordCount(input, output),
        guarantee: 'exactly_once_v2',
        commitIntervalMs: 50,
        heartbeatIntervalMs: 200,
        cacheMaxBytes: 0,
        stateDir,
      }
      return { input, output, settings }
    }
    const tasksOf = (app: StreamsApp) => app.threads.map(({ taskIds }) => taskIds.length)
    const each = (count: number) => Array.from({ length: count }, (_, index) => index + 1)
    const counted = (output: string, times: number) =>
      eventually('counted', async () => {
        const counts = countsOf(await readCommitted(options, output))
        assert.deepEqual([counts.get('a'), counts.get('b')], [each(times), each(times)])
        return true
      })

    for (const inWorkers of [false, true])
      test(`threads come and go while an app counts exactly once${inWorkers ? ', in workers' : ''}`, async () => {
        await using directory = await stateDirectory()
        const { input, output, settings } = await subject(inWorkers, directory.path)
        const states: StreamsState[] = []
        await using app = new StreamsApp({ ...settings, onState: (state) => states.push(state) })
        assert.equal(await app.addThread(), undefined, 'not before the start')
        await app.start()
        await eventually('running', () => app.state === 'RUNNING', patience)
        await write(options, input, ['a b'])
        await counted(output, 1)

        assert.equal(await app.addThread(), 'words-StreamThread-2')
        await eventually(
          'shared',
          () => {
            assert.deepEqual(tasksOf(app), [4, 4])
            return app.state === 'RUNNING'
          },
          patience,
        )
        assert.ok(states.includes('REBALANCING') && states.lastIndexOf('REBALANCING') > 1)
        await write(options, input, ['a b'])
        await counted(output, 2)

        assert.equal(await app.removeThread(), 'words-StreamThread-2')
        await eventually('taken back', () => {
          assert.deepEqual(tasksOf(app), [8])
          return app.state === 'RUNNING'
        })
        await write(options, input, ['a b'])
        await counted(output, 3)
        assert.equal(await app.addThread(), 'words-StreamThread-2', 'the name is free again')
        await eventually(
          'shared again',
          () => {
            assert.deepEqual(tasksOf(app), [4, 4])
            return app.state === 'RUNNING'
          },
          patience,
        )
        await write(options, input, ['a b'])
        await counted(output, 4)
        await app.close()
        assert.deepEqual(states.slice(-2), ['PENDING_SHUTDOWN', 'NOT_RUNNING'])
        assert.equal(await app.removeThread(), undefined, 'not after the end')
      })

    test('without its last thread an app keeps its state, has left the group, and goes on with a new one', async () => {
      await using directory = await stateDirectory()
      const { input, output, settings } = await subject(false, directory.path)
      await using app = new StreamsApp(settings)
      await app.start()
      await eventually('running', () => app.state === 'RUNNING')
      assert.equal(await app.removeThread(), 'words-StreamThread-1')
      assert.equal(app.state, 'RUNNING')
      assert.deepEqual(app.threads, [])
      await using admin = await createAdmin(options)
      const [group] = await admin.describeGroups([settings.applicationId])
      assert.deepEqual(group?.members, [])
      assert.equal(await app.removeThread(), undefined)
      await write(options, input, ['a b'])
      assert.equal(await app.addThread(), 'words-StreamThread-1')
      await counted(output, 1)
    })

    for (const inWorkers of [false, true])
      test(`a paused app keeps its tasks, takes no record, and goes on where it was${inWorkers ? ', in workers' : ''}`, async () => {
        await using directory = await stateDirectory()
        const { input, output, settings } = await subject(inWorkers, directory.path)
        await using app = new StreamsApp({ ...settings, threads: 2 })
        app.pause()
        await app.start()
        // The first thread has all tasks until the second has come.
        await eventually(
          'shared',
          () => {
            assert.deepEqual(tasksOf(app), [4, 4])
            return app.state === 'RUNNING'
          },
          patience,
        )
        assert.ok(app.isPaused)
        await write(options, input, ['a b', 'a b', 'a b', 'a b'])
        const lag = async () => {
          const threads = await app.metadataForLocalThreads()
          const partitions = threads.flatMap(({ activeTasks }) =>
            activeTasks.flatMap((task) => task.partitions),
          )
          return partitions
            .filter(({ topic }) => topic === input)
            .reduce((sum, { lagRecords }) => sum + (lagRecords ?? Number.NaN), 0)
        }
        // All four have come in and stay: what is fetched counts as lag until it is processed.
        await eventually('behind', async () => (await lag()) === 4)
        assert.equal((await readCommitted(options, output)).length, 0)
        assert.deepEqual(tasksOf(app), [4, 4])
        app.resume()
        await counted(output, 4)
        await eventually('caught up', async () => (await lag()) === 0)
        // What readers of committed records see a thread may hear of a moment later.
        const threads = await eventually('all is committed', async () => {
          const now = await app.metadataForLocalThreads()
          const committed = now
            .flatMap(({ activeTasks }) => activeTasks.flatMap(({ partitions }) => partitions))
            .filter(({ topic, committedOffset }) => topic === input && committedOffset !== null)
            .reduce((sum, { committedOffset }) => sum + Number(committedOffset), 0)
          assert.equal(committed, 4)
          return now
        })
        assert.deepEqual(
          threads.map(({ name, state }) => [name, state]),
          [
            ['words-StreamThread-1', 'RUNNING'],
            ['words-StreamThread-2', 'RUNNING'],
          ],
        )
      })

    test('state of tasks that are elsewhere is removed after the delay, that of its own tasks stays', async () => {
      await using directory = await stateDirectory()
      const { input, output, settings } = await subject(false, directory.path)
      await using app = new StreamsApp({
        ...settings,
        topology: wordCount(input, output, 'persistent'),
        stateCleanupDelayMs: 50,
      })
      const own = join(directory.path, settings.applicationId)
      mkdirSync(join(own, '7_3'), { recursive: true })
      await app.start()
      await write(options, input, ['a b'])
      await counted(output, 1)
      await eventually('removed', () => !existsSync(join(own, '7_3')))
      assert.deepEqual(globSync('1_[0-9]', { cwd: own }).toSorted(), ['1_0', '1_1', '1_2', '1_3'])
    })

    test('no punctuator fires while an app is paused', async () => {
      await using directory = await stateDirectory()
      const [input, output] = [uniqueName('in'), uniqueName('out')]
      await createTopics(options, 1, input, output)
      let fired = 0
      const builder = new StreamsBuilder()
      builder
        .stream(input, text)
        .process<string, string>(
          () => ({
            init(context) {
              context.schedule({ intervalMs: 1, type: 'WALL_CLOCK_TIME' }, () => {
                fired++
              })
            },
            process() {},
          }),
          { name: 'ticker', ...text },
        )
        .to(output, text)
      await using app = new StreamsApp({
        applicationId: uniqueName('app'),
        brokers: kafka.brokers,
        topology: builder.build(),
        stateDir: directory.path,
      })
      await app.start()
      await eventually('ticking', () => fired > 2)
      app.pause()
      const before = fired
      // A thread looks at its punctuators with every record that comes.
      await write(options, input, ['a'])
      await eventually('fetched', async () => {
        const [thread] = await app.metadataForLocalThreads()
        return thread?.activeTasks[0]?.partitions[0]?.lagRecords === 1
      })
      assert.equal(fired, before)
      app.resume()
      await eventually('ticking again', () => fired > before)
    })
  })
