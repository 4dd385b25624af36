import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { silentLogger } from '@millrace/core'
import { armFaults, eventually } from '@millrace/core/testing'
import {
  createAdmin,
  createTransactionalProducer,
  type ClusterAdmin,
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
import { longSerde, StreamsApp, StreamsBuilder, type StreamsAppOptions } from '../index.ts'

const partitions = 3

for (const backend of await kafkaBackends())
  describe(`transactions of an app on ${backend.name}`, () => {
    let kafka: RunningKafka
    let options: KafkaOptions
    let admin: ClusterAdmin
    before(async () => {
      kafka = await backend.start()
      options = { brokers: kafka.brokers, clientId: 'streams-test' }
      admin = await createAdmin(options)
    })
    after(async () => {
      await admin.close()
      await kafka.stop()
    })

    const subject = async (stateDir: string) => {
      const [input, output] = [uniqueName('in'), uniqueName('out')]
      await createTopics(options, partitions, input, output)
      const settings: Omit<StreamsAppOptions, 'topology'> = {
        applicationId: uniqueName('app'),
        brokers: kafka.brokers,
        guarantee: 'exactly_once_v2',
        stateDir,
        cacheMaxBytes: 0,
      }
      return { input, output, settings }
    }
    const ends = async (topic: string, isolationLevel: 'read_committed' | 'read_uncommitted') =>
      (
        await admin.listOffsets(
          Array.from({ length: partitions }, (_, partition) => ({ topic, partition })),
          'latest',
          isolationLevel,
        )
      )
        .toSorted((a, b) => a.partition - b.partition)
        .map(({ offset }) => Number(offset))

    test('trap 38: each thread has one transactional id, and what all of its tasks did becomes visible at once', async () => {
      await using directory = await stateDirectory()
      const { input, output, settings } = await subject(directory.path)
      const builder = new StreamsBuilder()
      builder.stream(input, text).to(output)
      const everyTask = Array.from({ length: 60 }, (_, index) => `v${index}`)
      let written = 0
      // What readers must see before the transaction under way is over, and how many partitions it has written to, at most.
      let expected = [0, 0, 0]
      let mostAtOnce = 0
      const seen: (readonly [visible: readonly number[], expected: readonly number[]])[] = []
      const disarm = armFaults(async (point) => {
        if (point !== 'streams.commit.afterOffsets') return
        const [visible, sent] = [
          await ends(output, 'read_committed'),
          await ends(output, 'read_uncommitted'),
        ]
        seen.push([visible, expected])
        const isWritten = sent.map((end, partition) => end > (expected[partition] ?? 0))
        mostAtOnce = Math.max(mostAtOnce, isWritten.filter(Boolean).length)
        // With its marker.
        expected = sent.map((end, partition) => end + (isWritten[partition] ? 1 : 0))
      })
      try {
        await using app = new StreamsApp({ ...settings, topology: builder.build() })
        await app.start()
        // A commit may come between what two tasks are given to do.
        await eventually('one commit of several tasks', async () => {
          await write(options, input, everyTask)
          written += everyTask.length
          await eventually('all is there', async () => {
            const records = await readCommitted(options, output)
            return records.length === written
          })
          return mostAtOnce >= 2
        })
        const ids = (await admin.listTransactions())
          .map(({ transactionalId }) => transactionalId)
          .filter((id) => id.startsWith(`${settings.applicationId}-`))
        assert.equal(ids.length, 1, `three tasks, one thread: ${ids.join()}`)
        assert.match(ids[0] ?? '', /-[0-9a-f-]{36}-0$/)
      } finally {
        disarm()
      }
      for (const [visible, before] of seen)
        assert.deepEqual(visible, before, 'only what earlier commits had is visible')
    })

    test('traps 38 and 39: a commit of a member that the group has gone on without is refused, its tasks begin again at the last one, and every word is counted once', async () => {
      await using directory = await stateDirectory()
      const { input, output, settings } = await subject(directory.path)
      let removed = 0
      const warnings: unknown[] = []
      const disarm = armFaults(async (point) => {
        if (point !== 'streams.commit.beforeOffsets' || removed > 0) return
        removed++
        await admin.removeGroupMembers(settings.applicationId)
      })
      try {
        await using app = new StreamsApp({
          ...settings,
          topology: wordCount(input, output, 'persistent'),
          logger: {
            ...silentLogger,
            warn: (message, fields) => warnings.push([message, fields]),
          },
        })
        await app.start()
        await write(options, input, ['a b', 'a c', 'a'])
        await eventually(
          'counted',
          async () => {
            const counts = countsOf(await readCommitted(options, output))
            assert.deepEqual(Object.fromEntries(counts), { a: [1, 2, 3], b: [1], c: [1] })
            return true
          },
          { timeoutMs: 30_000 },
        )
        assert.equal(removed, 1)
        assert.ok(warnings.length > 0, 'the lost place is told')
        assert.equal(app.failure, undefined)
      } finally {
        disarm()
      }
    })

    test('trap 41: a restore goes as far as the log does, so a transaction that is open on a changelog is waited for', async () => {
      await using directory = await stateDirectory()
      const { input, output, settings } = await subject(directory.path)
      const topology = wordCount(input, output, 'memory')
      const counted = async (expected: Readonly<Record<string, readonly number[]>>) =>
        eventually(
          'counted',
          async () => {
            const counts = countsOf(await readCommitted(options, output))
            assert.deepEqual(Object.fromEntries(counts), expected)
            return true
          },
          { timeoutMs: 30_000 },
        )
      const first = new StreamsApp({ ...settings, topology })
      await first.start()
      await write(options, input, ['a'])
      await counted({ a: [1] })
      await first.close()
      const changelog = `${settings.applicationId}-counts-changelog`
      const [row] = await readCommitted(options, changelog)
      const { partition = -1 } = row ?? {}
      await using other = await createTransactionalProducer({
        ...options,
        transactionalId: uniqueName('other'),
        // Not ended by the broker, however slow the machine is.
        transactionTimeoutMs: 600_000,
      })
      await other.begin()
      await other.sendColumns({
        topic: changelog,
        keys: ['a'],
        values: [longSerde.serialize(100)],
        partitions: partition,
      })
      const begun: bigint[] = []
      const states: string[] = []
      await using second = new StreamsApp({
        ...settings,
        topology,
        onState: (state) => states.push(state),
        onRestore: (progress) => {
          if (progress.phase === 'start' && progress.partition === partition)
            begun.push(BigInt(progress.endOffset))
        },
      })
      await second.start()
      await eventually('the restore begins', () => begun.length > 0)
      const [end] = await admin.listOffsets([{ topic: changelog, partition }], 'latest')
      assert.equal(begun[0], end?.offset, 'to the end of the log, open transaction included')
      assert.ok(!states.includes('RUNNING'), states.join())
      await other.abort()
      await write(options, input, ['a'])
      await counted({ a: [1, 2] })
    })
  })
