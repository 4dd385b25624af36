/** Processes that are killed or stopped, and others that take their places. Sessions and transactions are longer than any test: nobody can wait them out. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { seededRandom } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import type { KafkaOptions } from '@millrace/kafka'
import { kafkaBackends } from '@millrace/testkit'
import { AppInstances } from '../../../test/chaos/app-instances.ts'
import { LoadWriter } from '../../../test/chaos/app-load.ts'
import type { AppProcessOptions } from '../../../test/chaos/app-process.ts'
import { CommittedReader } from '../../../test/chaos/committed-reader.ts'
import { OrderLoad } from '../../../test/chaos/order-load.ts'
import { WordLoad } from '../../../test/chaos/word-load.ts'
import { stateDirectory } from '../../../test/streams-fixture.ts'

const limit = { timeoutMs: 120_000, everyMs: 100 }
const endless = { sessionTimeoutMs: 1_200_000, transactionTimeoutMs: 600_000 }

for (const backend of await kafkaBackends())
  describe(`places in the group on ${backend.name}`, () => {
    const stage = async (
      Load: typeof WordLoad | typeof OrderLoad,
      more: (index: number) => Partial<AppProcessOptions>,
    ) => {
      const seed = Number(process.env['MILLRACE_SEED'] ?? Date.now() % 1_000_000)
      const cleanUp = new AsyncDisposableStack()
      const kafka = cleanUp.use(await backend.start())
      const options: KafkaOptions = { brokers: kafka.brokers, clientId: 'streams-fault-test' }
      const load = await Load.prepare(options, seededRandom(seed))
      const directory = cleanUp.use(await stateDirectory())
      const instances = cleanUp.use(
        new AppInstances((index) => ({
          app: load.app,
          broker: kafka.brokers[0] as string,
          applicationId: load.applicationId,
          stateDir: join(directory.path, String(index)),
          topics: load.topics,
          storeType: 'persistent',
          areWorkers: false,
          ...endless,
          ...more(index),
        })),
      )
      const writer = cleanUp.use(await LoadWriter.start(options, load))
      const reader = cleanUp.use(await CommittedReader.open(options, load.watchedTopic))
      return {
        seed,
        instances,
        everyTaskGoesOn: async (): Promise<void> => {
          const before = [...reader.counts]
          await eventually(
            'every task goes on',
            () => reader.counts.every((count, index) => count > (before[index] ?? 0)),
            limit,
          )
        },
        endsExact: async (): Promise<void> => {
          await writer.pause()
          await eventually('all is done', () => reader.count >= load.expectedCount, limit)
          await instances.leaveAll()
          await load.assertExact(options)
        },
        [Symbol.asyncDispose]: () => cleanUp.disposeAsync(),
      }
    }

    for (const areWorkers of [false, true])
      test(`a process that is started after SIGKILL goes on at once, wherever its transaction was; threads ${areWorkers ? 'as workers' : 'on one event loop'}`, async (t) => {
        await using run = await stage(areWorkers ? OrderLoad : WordLoad, () => ({ areWorkers }))
        const { instances, everyTaskGoesOn } = run
        t.diagnostic(`MILLRACE_SEED=${run.seed}`)
        instances.start(0)
        instances.start(1)
        await everyTaskGoesOn()
        await instances.kill(0)
        await instances.kill(1)
        instances.start(1)
        instances.start(0)
        await everyTaskGoesOn()
        // What differs by the point is the transaction, not the thread: all three once.
        const faults = areWorkers
          ? ['afterOffsets']
          : ['beforeOffsets', 'afterOffsets', 'afterCommit']
        for (const fault of faults) {
          await instances.kill(0)
          await instances.runUntilKilled(0, `kill@streams.commit.${fault}#5`)
          instances.start(0)
          await everyTaskGoesOn()
        }
        await run.endsExact()
      })

    for (const areWorkers of [false, true])
      test(`one that stood still while another took its place ends when it goes on, and nothing that it had under way counts; threads ${areWorkers ? 'as workers' : 'on one event loop'}`, async (t) => {
        await using run = await stage(WordLoad, () => ({ instanceId: 'the-one', areWorkers }))
        const { instances, everyTaskGoesOn } = run
        t.diagnostic(`MILLRACE_SEED=${run.seed}`)
        const zombie = instances.start(0)
        const codes: unknown[] = []
        zombie.on('message', (message) => codes.push((message as { uncaught?: string }).uncaught))
        await everyTaskGoesOn()
        instances.signal(0, 'SIGSTOP')
        instances.start(1)
        await everyTaskGoesOn()
        const exited = once(zombie, 'exit')
        instances.signal(0, 'SIGCONT')
        assert.deepEqual(await exited, [1, null])
        assert.ok(codes.includes('MR_STREAMS_INSTANCE_FENCED'), codes.join())
        await instances.kill(0)
        await everyTaskGoesOn()
        await run.endsExact()
      })
  })
