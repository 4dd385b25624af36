import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { eventually } from '@millrace/core/testing'
import { createAdmin, createConsumer, createProducer, type KafkaOptions } from '@millrace/kafka'
import { kafkaBackends, type RunningKafka } from '@millrace/testkit'
import {
  countsOf,
  createTopics,
  readCommitted,
  stateDirectory,
  uniqueName,
  wordCount,
  write,
} from '../../test/streams-fixture.ts'
import { StreamsApp, type StreamsAppOptions } from '../runtime/streams-app.ts'
import { runCommand } from './command.ts'
import { resetApplication } from './reset-application.ts'
import type { ResetTarget } from './reset-offsets.ts'

const program = fileURLToPath(new URL('../main.mjs', import.meta.url))

for (const backend of await kafkaBackends())
  describe(`reset of an application on ${backend.name}`, () => {
    let kafka: RunningKafka
    let options: KafkaOptions
    before(async () => {
      kafka = await backend.start()
      options = { brokers: kafka.brokers, clientId: 'streams-reset-test' }
    })
    after(() => kafka.stop())

    const subject = async (stateDir: string) => {
      const [input, output] = [uniqueName('lines'), uniqueName('counts')]
      await createTopics(options, 3, input, output)
      const settings: StreamsAppOptions = {
        applicationId: uniqueName('app'),
        brokers: kafka.brokers,
        topology: wordCount(input, output, 'persistent'),
        guarantee: 'exactly_once_v2',
        commitIntervalMs: 50,
        cacheMaxBytes: 0,
        stateDir,
      }
      return { input, output, settings, id: settings.applicationId }
    }
    const counted = (output: string, counts: readonly number[]) =>
      eventually('counted', async () => {
        assert.deepEqual(countsOf(await readCommitted(options, output)).get('a'), counts)
        return true
      })
    const command = async (...args: readonly string[]) => {
      const child = spawn(process.execPath, [program, 'reset', ...args])
      let text = ''
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (chunk: Buffer) => (text += chunk.toString()))
      const [status] = (await once(child, 'close')) as [number]
      return { status, text }
    }

    const inProcess = async (...args: readonly string[]) => {
      let text = ''
      const print = (part: string): void => void (text += part)
      const status = await runCommand(['reset', ...args], { out: print, err: print })
      return { status, text }
    }

    test('an application that was reset counts all of its input anew, and only then', async () => {
      await using directory = await stateDirectory()
      const { input, output, settings, id } = await subject(directory.path)
      await write(options, input, ['a', 'a'])
      const app = new StreamsApp(settings)
      await app.start()
      await counted(output, [1, 2])
      const reset = {
        applicationId: id,
        brokers: kafka.brokers,
        inputTopics: [input, 'nowhere'],
        stateDir: directory.path,
      }
      await assert.rejects(resetApplication(reset), {
        code: 'MR_STREAMS_STILL_RUNNING',
        message: /still has 1 members/,
      })
      assert.throws(() => app.cleanUp(), { code: 'MR_STREAMS_STILL_RUNNING' })
      await app.close()
      const internal = [`${id}-counts-changelog`, `${id}-words-repartition`]

      const planned = await resetApplication({ ...reset, dryRun: true })
      assert.deepEqual(planned.deletedTopics, internal)
      assert.deepEqual(planned.missingTopics, ['nowhere'])
      await using admin = await createAdmin(options)
      assert.equal((await admin.describeTopics(internal)).size, 2, 'a dry run changes nothing')
      assert.ok(globSync(`${directory.path}/*/1_*`).length > 0)

      assert.deepEqual(await resetApplication(reset), planned)
      assert.equal((await admin.describeTopics(internal)).size, 0)
      assert.deepEqual(globSync(`${directory.path}/*/1_*`), [])
      await using again = new StreamsApp(settings)
      await again.start()
      await counted(output, [1, 2, 1, 2])
    })

    test('without its state on disk an application restores it and counts on', async () => {
      await using directory = await stateDirectory()
      const { input, output, settings } = await subject(directory.path)
      await write(options, input, ['a'])
      const app = new StreamsApp(settings)
      await app.start()
      await counted(output, [1])
      await app.close()
      app.cleanUp()
      assert.deepEqual(globSync(`${directory.path}/*/1_*`), [])
      await using again = new StreamsApp(settings)
      await again.start()
      await write(options, input, ['a'])
      await counted(output, [1, 2])
    })

    test('offsets go where they are told to, and stay within the partition', async () => {
      await using admin = await createAdmin(options)
      const topic = uniqueName('in')
      await createTopics(options, 2, topic)
      await using producer = await createProducer(options)
      const records = Array.from({ length: 10 }, (_, index) => ({
        topic,
        partition: 0,
        key: null,
        value: 'x',
        timestampMs: 1_000 * (index + 1),
      }))
      await producer.send(records)
      const targets: readonly { to: ResetTarget; expected: readonly (number | null)[] }[] = [
        { to: 'latest', expected: [10, 0] },
        { to: { shiftBy: -3n }, expected: [7, 0] },
        { to: { shiftBy: 100n }, expected: [10, 0] },
        { to: { offset: 4n }, expected: [4, 0] },
        { to: { timeMs: 5_500 }, expected: [5, 0] },
        { to: { timeMs: 99_000 }, expected: [10, 0] },
        { to: { offsets: [{ topic, partition: 0, offset: 2n }] }, expected: [2, 0] },
        { to: 'earliest', expected: [0, 0] },
      ]
      const applicationId = uniqueName('app')
      for (const { to, expected } of targets) {
        const { offsets } = await resetApplication({
          applicationId,
          brokers: kafka.brokers,
          inputTopics: [topic],
          to,
        })
        const committed = await admin.groupOffsets(applicationId)
        const at = [0, 1].map((partition) => {
          const row = committed.find((each) => each.topic === topic && each.partition === partition)
          return row?.offset === undefined || row.offset === null ? null : Number(row.offset)
        })
        assert.deepEqual(
          at,
          expected,
          JSON.stringify(to, (_, value) => String(value)),
        )
        for (const row of offsets) assert.equal(Number(row.to), expected[row.partition])
      }
    })

    test('the command does it too: a dry run, a group that is not empty, force', async () => {
      const topic = uniqueName('in')
      const applicationId = uniqueName('app')
      await createTopics(options, 1, topic, `${applicationId}-counts-changelog`)
      await write(options, topic, ['a', 'b'])
      await using admin = await createAdmin(options)
      await admin.alterGroupOffsets(applicationId, [{ topic, partition: 0, offset: 2n }])
      const args = [
        '--application-id',
        applicationId,
        '--bootstrap-servers',
        kafka.brokers.join(','),
        '--input-topics',
        topic,
        '--shift-by',
        '-1',
      ]
      const dry = await command(...args, '--dry-run')
      assert.equal(
        dry.text,
        `Would set ${topic}/0 to offset 1 (was 2).\nWould delete topic ${applicationId}-counts-changelog.\n`,
      )
      // One that ends without leaving would look the same.
      const member = await createConsumer({ ...options, groupId: applicationId, topics: [topic] })
      const reading = (async () => {
        for await (const _ of member) continue
      })()
      await eventually('joined', () => member.assignment().length === 1)
      const refused = await inProcess(...args)
      assert.equal(refused.status, 1)
      assert.match(refused.text, /still has 1 members: streams-reset-test/)
      const forced = await inProcess(...args, '--dry-run', '--force')
      assert.match(forced.text, /Would throw 1 members out/)
      await member.close()
      await reading
      const done = await inProcess(...args)
      assert.equal(done.status, 0, done.text)
      assert.match(done.text, /Set .* to offset 1 \(was 2\)\.\nDeleted topic/)
      assert.equal((await admin.groupOffsets(applicationId))[0]?.offset, 1n)
      assert.equal((await admin.describeTopics([`${applicationId}-counts-changelog`])).size, 0)
    })

    test('members that are thrown out are gone', async () => {
      const topic = uniqueName('in')
      const groupId = uniqueName('group')
      await createTopics(options, 1, topic)
      await using admin = await createAdmin(options)
      // A static member does not leave when it closes.
      for (const instanceId of ['one', 'two']) {
        const member = await createConsumer({
          ...options,
          groupId,
          topics: [topic],
          instanceId,
          sessionTimeoutMs: 60_000,
        })
        const reading = (async () => {
          for await (const _ of member) continue
        })()
        await eventually('a member', async () => {
          const [group] = await admin.describeGroups([groupId])
          return group?.members.some((each) => each.instanceId === instanceId)
        })
        await member.close()
        await reading
      }
      const members = async () => (await admin.describeGroups([groupId]))[0]?.members.length
      assert.equal(await members(), 2)
      const { removedMembers } = await resetApplication({
        applicationId: groupId,
        brokers: kafka.brokers,
        inputTopics: [topic],
        force: true,
      })
      assert.deepEqual([removedMembers, await members()], [2, 0])
    })
  })
