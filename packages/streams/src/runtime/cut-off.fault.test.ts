import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { randomInt, seededRandom, systemClock } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import type { KafkaOptions } from '@millrace/kafka'
import { kafkaBackends, startFaultProxy } from '@millrace/testkit'
import { LoadWriter } from '../../test/chaos/app-load.ts'
import { CommittedReader } from '../../test/chaos/committed-reader.ts'
import { WordLoad } from '../../test/chaos/word-load.ts'
import { stateDirectory, wordCount } from '../../test/streams-fixture.ts'
import { StreamsApp, type StreamsAppOptions } from './streams-app.ts'

const limit = { timeoutMs: 240_000, everyMs: 100 }
const endTxn = 26

for (const backend of await kafkaBackends())
  describe(`an instance whose network is broken on ${backend.name}`, () => {
    test('exactly once: requests vanish for longer than its session, connections are cut, answers to commits are lost; others go on, and it comes back', async (t) => {
      const seed = Number(process.env['MILLRACE_SEED'] ?? Date.now() % 1_000_000)
      t.diagnostic(`MILLRACE_SEED=${seed}`)
      const random = seededRandom(seed)
      await using kafka = await backend.start()
      await using proxy = await startFaultProxy(kafka.port)
      const options: KafkaOptions = { brokers: kafka.brokers, clientId: 'streams-fault-test' }
      const load = await WordLoad.prepare(options, random)
      await using directory = await stateDirectory()
      const uncaught: Error[] = []
      const settings = (index: number): StreamsAppOptions => ({
        applicationId: load.applicationId,
        brokers: kafka.brokers,
        topology: wordCount(load.topics.lines, load.topics.counts, 'persistent'),
        guarantee: 'exactly_once_v2',
        commitIntervalMs: 50,
        sessionTimeoutMs: 6_000,
        heartbeatIntervalMs: 300,
        transactionTimeoutMs: 5_000,
        requestTimeoutMs: 5_000,
        cacheMaxBytes: 0,
        threads: 2,
        stateDir: join(directory.path, String(index)),
        onUncaughtError(error) {
          uncaught.push(error)
          return 'SHUTDOWN_CLIENT'
        },
      })
      await using writer = await LoadWriter.start(options, load)
      await using reader = await CommittedReader.open(options, load.watchedTopic)
      const everyTaskGoesOn = async (): Promise<void> => {
        const before = [...reader.counts]
        await eventually(
          'every task goes on',
          () => reader.counts.every((count, index) => count > (before[index] ?? 0) + 20),
          limit,
        )
      }
      await using cutOff = new StreamsApp({
        ...settings(0),
        brokers: [proxy.address],
        mapAddress: () => proxy,
      })
      await using other = new StreamsApp(settings(1))
      await cutOff.start()
      await everyTaskGoesOn()
      await other.start()
      await everyTaskGoesOn()
      proxy.setFlow('blackhole')
      await eventually(
        'the other has all tasks',
        () => other.threads.flatMap(({ taskIds }) => taskIds).length === 8,
        limit,
      )
      await everyTaskGoesOn()
      proxy.heal()
      // What was swallowed leaves its connections waiting for ever.
      proxy.cut()
      await eventually(
        'it has tasks again',
        () =>
          cutOff.threads.some(({ state, taskIds }) => state === 'RUNNING' && taskIds.length > 0),
        limit,
      )
      for (let round = 0; round < 8; round++) {
        await systemClock.sleep(randomInt(random, 500))
        proxy.cut()
        if (round % 2 === 0) proxy.cutAnswersTo(endTxn, 1)
      }
      await everyTaskGoesOn()
      await writer.pause()
      await eventually('all is done', () => reader.count >= load.expectedCount, limit)
      await cutOff.close()
      await other.close()
      assert.deepEqual([uncaught, cutOff.state, other.state], [[], 'NOT_RUNNING', 'NOT_RUNNING'])
      await load.assertExact(options)
    })
  })
