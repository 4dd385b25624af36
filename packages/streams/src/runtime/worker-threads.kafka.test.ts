import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { eventually } from '@millrace/core/testing'
import type { KafkaOptions } from '@millrace/kafka'
import { kafkaBackends, type RunningKafka } from '@millrace/testkit'
import {
  countsOf,
  createTopics,
  readCommitted,
  stateDirectory,
  uniqueName,
  write,
} from '../../test/streams-fixture.ts'
import { StreamsApp, type StreamsAppOptions } from './streams-app.ts'

for (const backend of await kafkaBackends())
  describe(`worker threads on ${backend.name}`, () => {
    let kafka: RunningKafka
    let options: KafkaOptions
    before(async () => {
      kafka = await backend.start()
      options = { brokers: kafka.brokers, clientId: 'streams-worker-test' }
    })
    after(() => kafka.stop())

    const subject = async (query = '') => {
      const [input, output] = [uniqueName('lines'), uniqueName('counts')]
      await createTopics(options, 4, input, output)
      const url = new URL('../../test/word-count-topology.ts', import.meta.url)
      url.search = `input=${input}&output=${output}${query}`
      const settings: StreamsAppOptions = {
        applicationId: uniqueName('app'),
        brokers: kafka.brokers,
        topology: url,
        guarantee: 'exactly_once_v2',
        commitIntervalMs: 50,
        heartbeatIntervalMs: 300,
        cacheMaxBytes: 0,
        threads: 2,
      }
      return { input, output, settings }
    }

    test('two workers share the tasks of a module and count exactly once', async () => {
      await using directory = await stateDirectory()
      const { input, output, settings } = await subject()
      await using app = new StreamsApp({ ...settings, stateDir: directory.path })
      await app.start()
      // The first to join has all of them until the second has come.
      await eventually('shared', () => {
        const counts = app.threads.map(({ taskIds }) => taskIds.length)
        assert.deepEqual(counts, [4, 4])
        return app.state === 'RUNNING'
      })
      const words = Array.from({ length: 400 }, (_, index) => `word${index % 20}`)
      await write(options, input, words)
      await eventually('counted', async () => {
        const counts = countsOf(await readCommitted(options, output))
        assert.equal(counts.size, 20)
        for (const each of counts.values())
          assert.deepEqual(
            each,
            Array.from({ length: 20 }, (_, index) => index + 1),
          )
        return true
      })
      await app.close()
      assert.equal(app.state, 'NOT_RUNNING')
    })

    test('threads of a process come together at once, long before their next heartbeat', async () => {
      await using directory = await stateDirectory()
      const { settings } = await subject()
      await using app = new StreamsApp({
        ...settings,
        stateDir: directory.path,
        threads: 3,
        heartbeatIntervalMs: 300_000,
        sessionTimeoutMs: 1_200_000,
      })
      await app.start()
      await eventually('shared', () => {
        const counts = app.threads.map(({ taskIds }) => taskIds.length)
        assert.deepEqual(
          counts.toSorted((a, b) => a - b),
          [2, 3, 3],
        )
        return app.state === 'RUNNING'
      })
      await app.addThread()
      await eventually('shared anew', () => {
        const counts = app.threads.map(({ taskIds }) => taskIds.length)
        assert.deepEqual(counts, [2, 2, 2, 2])
        return app.state === 'RUNNING'
      })
    })

    test('what ends a worker ends the application, and is told with its cause', async () => {
      await using directory = await stateDirectory()
      const { settings } = await subject('&broken')
      const uncaught: Error[] = []
      await using app = new StreamsApp({
        ...settings,
        stateDir: directory.path,
        onUncaughtError(error) {
          uncaught.push(error)
          return 'SHUTDOWN_CLIENT'
        },
      })
      await app.start()
      await eventually('ended', () => app.state === 'ERROR')
      assert.match(String(app.failure), /broken in the worker/)
      assert.equal(uncaught.length > 0, true)
    })

    test('a worker that ends without a word is replaced where that is asked for', async () => {
      await using directory = await stateDirectory()
      const { input, output, settings } = await subject(`&exit=${directory.path}/gone`)
      const uncaught: string[] = []
      await using app = new StreamsApp({
        ...settings,
        stateDir: directory.path,
        onUncaughtError(error) {
          uncaught.push(error.message)
          return 'REPLACE_THREAD'
        },
      })
      await app.start()
      await eventually('running', () => app.state === 'RUNNING')
      assert.deepEqual(uncaught, ['The worker of a stream thread ended with code 3.'])
      await write(options, input, ['one'])
      await eventually('counted', async () => {
        return countsOf(await readCommitted(options, output)).get('one')?.length === 1
      })
    })

    test('functions cannot be given to workers, and a module needs a topology', async () => {
      const { settings } = await subject()
      assert.throws(() => new StreamsApp({ ...settings, onProcessingError: () => 'CONTINUE' }), {
        code: 'MR_STREAMS_BAD_OPTION',
        message: /export `errorHandling`/,
      })
      await using directory = await stateDirectory()
      const topology = new URL('topic-plan.ts', import.meta.url)
      await using app = new StreamsApp({ ...settings, topology, stateDir: directory.path })
      await assert.rejects(app.start(), { code: 'MR_STREAMS_BAD_MODULE' })
      assert.equal(app.state, 'ERROR')
    })
  })
