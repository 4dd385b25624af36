import { join } from 'node:path'
import { describe, test } from 'node:test'
import { randomInt, seededRandom, systemClock } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import type { KafkaOptions } from '@millrace/kafka'
import { kafkaBackends } from '@millrace/testkit'
import { AppInstances } from '../../test/chaos/app-instances.ts'
import { LoadWriter } from '../../test/chaos/app-load.ts'
import { CommittedReader } from '../../test/chaos/committed-reader.ts'
import { OrderLoad } from '../../test/chaos/order-load.ts'
import { WordLoad } from '../../test/chaos/word-load.ts'
import { stateDirectory } from '../../test/streams-fixture.ts'

const limit = { timeoutMs: 240_000, everyMs: 100 }

for (const backend of await kafkaBackends())
  describe(`a stopped instance on ${backend.name}`, { concurrency: true }, () => {
    for (const { areWorkers, Load } of [
      { areWorkers: false, Load: WordLoad },
      { areWorkers: true, Load: OrderLoad },
    ])
      test(`exactly once: one that stands still until others have its tasks, and wakes up with work half done, changes nothing; threads ${areWorkers ? 'as workers' : 'on one event loop'}`, async (t) => {
        const seed = Number(process.env['MILLRACE_SEED'] ?? Date.now() % 1_000_000)
        t.diagnostic(`MILLRACE_SEED=${seed}`)
        const random = seededRandom(seed)
        await using kafka = await backend.start()
        const options: KafkaOptions = { brokers: kafka.brokers, clientId: 'streams-fault-test' }
        const load = await Load.prepare(options, random)
        await using directory = await stateDirectory()
        await using instances = new AppInstances((index) => ({
          app: load.app,
          broker: kafka.brokers[0] as string,
          applicationId: load.applicationId,
          stateDir: join(directory.path, String(index)),
          topics: load.topics,
          storeType: 'persistent',
          areWorkers,
        }))
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
        instances.start(0)
        await everyTaskGoesOn()
        for (const [zombie, other] of [
          [0, 1],
          [1, 0],
        ] as const) {
          await systemClock.sleep(randomInt(random, 200))
          instances.signal(zombie, 'SIGSTOP')
          // Its session (6 s) and its transaction (5 s) are over before anybody else gets a word in.
          if (!instances.has(other)) instances.start(other)
          await everyTaskGoesOn()
          instances.signal(zombie, 'SIGCONT')
          await everyTaskGoesOn()
        }
        await writer.pause()
        await eventually('all is done', () => reader.count >= load.expectedCount, limit)
        await instances.leaveAll()
        await load.assertExact(options)
      })
  })
