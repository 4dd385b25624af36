import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { silentLogger } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { createProducer, type KafkaOptions } from '@millrace/kafka'
import { kafkaBackends, type RunningKafka } from '@millrace/testkit'
import { readOnlyTopology } from '../../test/read-only-topology.ts'
import {
  createTopics,
  readCommitted,
  stateDirectory,
  uniqueName,
} from '../../test/streams-fixture.ts'
import type { RestoreProgress } from './changelog-restorer.ts'
import { StreamsApp } from './streams-app.ts'

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
  })
