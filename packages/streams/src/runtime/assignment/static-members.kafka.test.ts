/**
 * Instances with names in the group. Sessions are longer than any test: what goes on at all goes on because of the name.
 */
import assert from 'node:assert/strict'
import { cp } from 'node:fs/promises'
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
  uniqueName,
  wordCount,
  write,
} from '../../../test/streams-fixture.ts'
import type { StreamsState } from '../app-state.ts'
import { StreamsApp, type StreamsAppOptions } from '../streams-app.ts'

const remain = { groupMembershipOperation: 'REMAIN_IN_GROUP' } as const
const sessionTimeoutMs = 1_200_000

for (const backend of await kafkaBackends())
  describe(`static members on ${backend.name}`, () => {
    let kafka: RunningKafka
    let options: KafkaOptions
    before(async () => {
      kafka = await backend.start()
      options = { brokers: kafka.brokers, clientId: 'streams-static-test' }
    })
    after(() => kafka.stop())

    /** Four tasks that split lines, and four that count. */
    const subject = async () => {
      const [input, output] = [uniqueName('lines'), uniqueName('counts')]
      await createTopics(options, 4, input, output)
      const settings: Omit<StreamsAppOptions, 'stateDir'> = {
        applicationId: uniqueName('app'),
        brokers: kafka.brokers,
        topology: wordCount(input, output, 'persistent'),
        guarantee: 'exactly_once_v2',
        commitIntervalMs: 50,
        heartbeatIntervalMs: 200,
        cacheMaxBytes: 0,
        sessionTimeoutMs,
      }
      return { input, output, settings }
    }
    const tasksOf = (app: StreamsApp): readonly string[] =>
      app.threads.flatMap(({ taskIds }) => taskIds).toSorted()
    const runs = (what: string, app: StreamsApp, tasks: number): Promise<boolean> =>
      eventually(what, () => {
        assert.equal(app.failure, undefined)
        assert.equal(tasksOf(app).length, tasks)
        return app.state === 'RUNNING'
      })
    const counted = (output: string, times: number): Promise<boolean> =>
      eventually('counted', async () => {
        const counts = countsOf(await readCommitted(options, output))
        const all = Array.from({ length: times }, (_, index) => index + 1)
        assert.deepEqual([counts.get('a'), counts.get('b'), counts.get('c')], [all, all, all])
        return true
      })
    /** Their names; a dynamic member has none. */
    const membersOf = async (applicationId: string): Promise<readonly string[]> => {
      await using admin = await createAdmin(options)
      const [group] = await admin.describeGroups([applicationId])
      return (group?.members ?? []).map(({ instanceId }) => instanceId ?? 'none').toSorted()
    }

    test('an instance that was closed to come back has its tasks, and the other one hears nothing of it', async () => {
      await using directory = await stateDirectory()
      const { input, output, settings } = await subject()
      const inPlace = { ...settings, stateDir: join(directory.path, 'one') }
      const first = new StreamsApp(inPlace)
      await first.start()
      await runs('alone', first, 8)
      const states: StreamsState[] = []
      await using other = new StreamsApp({
        ...settings,
        stateDir: join(directory.path, 'other'),
        onState: (state) => void states.push(state),
      })
      await other.start()
      await runs('the other has half', other, 4)
      await runs('and one the rest', first, 4)
      const before = tasksOf(first)
      states.length = 0
      await first.close(remain)
      await using again = new StreamsApp(inPlace)
      await again.start()
      await runs('back', again, 4)
      assert.deepEqual(tasksOf(again), before)
      await write(options, input, ['a b c', 'a b c', 'a b c', 'a b c', 'a b c', 'a b c'])
      await counted(output, 6)
      assert.deepEqual(states, [])
    })

    test('close gives the tasks to others, unless told otherwise; a name can be given, or none', async () => {
      await using directory = await stateDirectory()
      const { settings } = await subject()
      const { applicationId } = settings
      const app = (name: string, instanceId?: string | null) =>
        new StreamsApp({
          ...settings,
          stateDir: join(directory.path, name),
          ...(instanceId !== undefined && { instanceId }),
        })
      await using named = app('named', 'orders-7')
      await using nameless = app('nameless', null)
      await using own = app('own')
      for (const each of [named, nameless, own]) {
        await each.start()
        await eventually('has tasks', () => each.state === 'RUNNING' && tasksOf(each).length > 0)
      }
      const ids = await membersOf(applicationId)
      assert.equal(ids.length, 3)
      assert.ok(ids.includes('orders-7-1'))
      assert.ok(ids.includes('none'))
      assert.ok(
        ids.some((id) => /^[0-9a-f-]{36}-1$/.test(id)),
        ids.join(),
      )
      await named.close()
      await own.close()
      assert.deepEqual(await membersOf(applicationId), ['none'])
      await runs('the last one has all', nameless, 8)
    })

    test('a run with fewer threads has the tasks of those that are gone', async () => {
      await using directory = await stateDirectory()
      const { input, output, settings } = await subject()
      const inPlace = { ...settings, stateDir: directory.path }
      const first = new StreamsApp({ ...inPlace, threads: 2 })
      await first.start()
      await runs('two threads', first, 8)
      assert.equal(await first.addThread(), `${settings.applicationId}-StreamThread-3`)
      await eventually('three have tasks', () => {
        assert.equal(tasksOf(first).length, 8)
        return first.threads.length === 3 && first.threads.every((row) => row.taskIds.length > 0)
      })
      await first.close(remain)
      assert.equal((await membersOf(settings.applicationId)).length, 3)
      await using again = new StreamsApp(inPlace)
      await again.start()
      await runs('one thread', again, 8)
      assert.equal((await membersOf(settings.applicationId)).length, 1)
      await write(options, input, ['a b c'])
      await counted(output, 1)
    })

    test('who comes back at another address is found there by the others', async () => {
      await using directory = await stateDirectory()
      const { settings } = await subject()
      const at = (name: string, applicationServer: string): StreamsApp =>
        new StreamsApp({ ...settings, stateDir: join(directory.path, name), applicationServer })
      const first = at('one', 'one.example:1')
      await first.start()
      await runs('alone', first, 8)
      await using other = at('other', 'other.example:1')
      await other.start()
      await runs('the other has half', other, 4)
      await runs('and one the rest', first, 4)
      await first.close(remain)
      await using again = at('one', 'one.example:2')
      await again.start()
      await eventually('it is found', () => {
        const addresses = other.allMetadata.map((row) => row.applicationServer ?? '').toSorted()
        assert.deepEqual(addresses, ['one.example:2', 'other.example:1'])
        return true
      })
      await runs('back', again, 4)
    })

    for (const guarantee of ['exactly_once_v2', 'at_least_once'] as const)
      test(`of two instances on copies of one state directory one ends and says why, the other goes on; ${guarantee}`, async () => {
        await using directory = await stateDirectory()
        const { input, output, settings } = await subject()
        const [original, copy] = ['original', 'copy'].map((name) => join(directory.path, name)) as [
          string,
          string,
        ]
        const on = (stateDir: string): StreamsApp =>
          new StreamsApp({
            ...settings,
            guarantee,
            stateDir,
            onUncaughtError: () => 'REPLACE_THREAD',
          })
        const before = on(original)
        await before.start()
        await runs('made', before, 8)
        await before.close()
        await cp(original, copy, { recursive: true })
        const both = [on(original), on(copy)]
        try {
          for (const app of both) await app.start()
          await write(options, input, ['a b c', 'a b c', 'a b c'])
          const ended = await eventually('one has ended', () =>
            both.find(({ state }) => state === 'ERROR'),
          )
          const { code, message } = (ended.failure ?? assert.fail()) as Error & { code?: string }
          assert.equal(code, 'MR_STREAMS_INSTANCE_FENCED')
          assert.match(message, /process-id/)
          const [left] = both.filter((app) => app !== ended) as [StreamsApp]
          await runs('the other has all', left, 8)
          // Under the weaker guarantee both may have counted what came while both were there.
          if (guarantee === 'exactly_once_v2') await counted(output, 3)
        } finally {
          for (const app of both) await app.close()
        }
      })
  })
