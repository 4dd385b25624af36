import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  globSync,
  mkdirSync,
  openSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { randomInt, seededRandom, silentLogger, type LogFields } from '@millrace/core'
import { armFaults, eventually } from '@millrace/core/testing'
import type { KafkaOptions } from '@millrace/kafka'
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
import { StreamsError } from '../errors.ts'
import { StreamsApp, type StreamsAppOptions } from './streams-app.ts'

const words = ['a', 'b', 'c', 'd', 'e', 'f']
const limit = { timeoutMs: 120_000, everyMs: 50 }

for (const backend of await kafkaBackends())
  describe(`state that fails on ${backend.name}`, () => {
    let kafka: RunningKafka
    let options: KafkaOptions
    before(async () => {
      kafka = await backend.start()
      options = { brokers: kafka.brokers, clientId: 'streams-test' }
    })
    after(() => kafka.stop())

    const subject = async (stateDir: string) => {
      const [input, output] = [uniqueName('lines'), uniqueName('counts')]
      await createTopics(options, 2, input, output)
      const logged: { message: string; fields: LogFields | undefined }[] = []
      const settings: StreamsAppOptions = {
        applicationId: uniqueName('app'),
        brokers: kafka.brokers,
        topology: wordCount(input, output, 'persistent'),
        guarantee: 'exactly_once_v2',
        commitIntervalMs: 50,
        heartbeatIntervalMs: 300,
        cacheMaxBytes: 0,
        stateDir,
        logger: {
          ...silentLogger,
          warn: (message, fields) => void logged.push({ message, fields }),
        },
      }
      let rounds = 0
      const writeRound = async (): Promise<void> => {
        rounds++
        await write(options, input, [words.join(' ')])
      }
      /** Each word as often as it was written, each count once and in order. */
      const counted = () =>
        eventually(
          'counted',
          async () => {
            const counts = countsOf(await readCommitted(options, output))
            const expected = Array.from({ length: rounds }, (_, index) => index + 1)
            for (const word of words) assert.deepEqual(counts.get(word), expected)
            return true
          },
          limit,
        )
      return { settings, input, logged, writeRound, counted }
    }

    for (const error of ['ENOSPC: no space left on device', 'MDB_MAP_FULL: map size limit reached'])
      for (const decision of ['SHUTDOWN_CLIENT', 'REPLACE_THREAD'] as const)
        test(`a disk that takes nothing more (${error}) is told with its task and stores, and ${decision} is done; nothing is lost once it does again`, async () => {
          await using directory = await stateDirectory()
          const { settings, writeRound, counted } = await subject(directory.path)
          const uncaught: Error[] = []
          const told = (each: Error) => {
            uncaught.push(each)
            if (uncaught.length === 2) disarm()
            return decision
          }
          let isArmed = false
          const disarm = armFaults((point) => {
            if (isArmed && point === 'streams.state.write') throw new Error(error)
          })
          try {
            await using app = new StreamsApp({
              ...settings,
              taskTimeoutMs: 500,
              onUncaughtError: told,
            })
            await app.start()
            await writeRound()
            await counted()
            isArmed = true
            if (decision === 'SHUTDOWN_CLIENT') {
              await eventually(
                'ended',
                async () => {
                  await writeRound()
                  return app.state === 'ERROR'
                },
                limit,
              )
              assert.equal(app.failure, uncaught[0])
            } else {
              await eventually(
                'told twice',
                async () => {
                  await writeRound()
                  return uncaught.length >= 2
                },
                limit,
              )
              await writeRound()
              await counted()
            }
            const [first] = uncaught
            assert.ok(first instanceof StreamsError)
            assert.equal(first.code, 'MR_STREAMS_TASK_TIMEOUT')
            const { cause } = first
            assert.ok(cause instanceof StreamsError)
            assert.equal(cause.code, 'MR_STREAMS_STATE_NOT_WRITTEN')
            assert.match(String(cause.details['taskId']), /^1_[01]$/)
            assert.deepEqual(cause.details['stores'], ['counts'])
            assert.ok(first.message.includes(error), first.message)
          } finally {
            disarm()
          }
          await using again = new StreamsApp(settings)
          await again.start()
          await writeRound()
          await counted()
        })

    for (const { name, damage, says } of [
      {
        name: 'overwritten at random',
        damage: (file: string) => {
          const random = seededRandom(1)
          const handle = openSync(file, 'r+')
          const sizeBytes = statSync(file).size
          for (let position = 8_192; position < sizeBytes; position++)
            writeSync(handle, Buffer.from([randomInt(random, 256)]), 0, 1, position)
          closeSync(handle)
        },
        says: /page/,
      },
      { name: 'cut short', damage: (file: string) => truncateSync(file, 10_000), says: /bytes/ },
      { name: 'gone', damage: (file: string) => rmSync(file), says: /data\.mdb is gone/ },
    ])
      test(`a state file that is ${name} is rebuilt from the changelog, which the log says, and counting goes on`, async () => {
        await using directory = await stateDirectory()
        const { settings, logged, writeRound, counted } = await subject(directory.path)
        const app = new StreamsApp(settings)
        await app.start()
        for (let round = 0; round < 3; round++) await writeRound()
        await counted()
        await app.close()
        const files = globSync(join(directory.path, settings.applicationId, '1_*', 'data.mdb'))
        assert.equal(files.length, 2)
        for (const file of files) damage(file)
        let restoredCount = 0
        await using again = new StreamsApp({
          ...settings,
          onRestore(progress) {
            if (progress.phase === 'end') restoredCount += progress.restoredCount
          },
        })
        await again.start()
        await writeRound()
        await counted()
        const rebuilt = logged.filter(({ message }) => message.includes('damaged and is rebuilt'))
        assert.deepEqual(
          new Set(rebuilt.map(({ fields }) => fields?.['taskId'])),
          new Set(['1_0', '1_1']),
        )
        for (const { fields } of rebuilt) assert.match(String(fields?.['reason']), says)
        assert.equal(restoredCount, 3 * words.length)
      })

    test('a disk that is really full: what is counted goes on, and is on disk once there is room', async (t) => {
      await using directory = await stateDirectory()
      const small = join(directory.path, 'small')
      mkdirSync(small)
      const mount = (how: string): void => {
        execFileSync('mount', ['-t', 'tmpfs', '-o', how, 'tmpfs', small], { stdio: 'pipe' })
      }
      try {
        mount('size=400k')
      } catch (error) {
        return t.skip(`no small disk can be mounted here: ${String(error)}`)
      }
      try {
        const { settings, input, logged, writeRound, counted } = await subject(small)
        const app = new StreamsApp(settings)
        try {
          await app.start()
          await writeRound()
          await counted()
          let longWords = 0
          const isFull = (): boolean =>
            logged.some(
              ({ fields }) =>
                (fields?.['error'] as StreamsError | undefined)?.code ===
                'MR_STREAMS_STATE_NOT_WRITTEN',
            )
          await eventually(
            'it is full',
            async () => {
              const lines = Array.from({ length: 100 }, () => `${longWords++}`.padEnd(1_000, 'x'))
              await write(options, input, lines)
              return isFull()
            },
            limit,
          )
          await writeRound()
          // Room for whatever was written meanwhile.
          mount('remount,size=512m')
          await writeRound()
          await counted()
        } finally {
          await app.close()
        }
        assert.equal(app.state, 'NOT_RUNNING')
      } finally {
        execFileSync('umount', ['--lazy', small])
      }
    })
  })
