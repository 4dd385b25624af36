import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { eventually } from '@millrace/core/testing'
import { createProducer, type KafkaOptions } from '@millrace/kafka'
import { endChild, exitOf, kafkaBackends } from '@millrace/testkit'
import { CommittedReader } from '../../test/chaos/committed-reader.ts'
import {
  createTopics,
  readCommitted,
  stateDirectory,
  uniqueName,
} from '../../test/streams-fixture.ts'
import { longSerde } from '../serde.ts'

const program = fileURLToPath(new URL('../../test/chaos/restore-process.ts', import.meta.url))
const partitions = 2
const keyCount = process.env['MILLRACE_TEST_LONG'] === undefined ? 50_000 : 1_000_000
const tailCount = 500
const limit = { timeoutMs: 300_000, everyMs: 50 }

interface Told {
  readonly restored?: number
  readonly from?: number
  readonly isRunning?: boolean
  readonly isArmed?: boolean
}

for (const backend of await kafkaBackends())
  describe(`state after a kill on ${backend.name}`, () => {
    test(`of ${keyCount} keys only what was committed last is read again, and the first results come from the disk`, async (t) => {
      await using kafka = await backend.start()
      const options: KafkaOptions = { brokers: kafka.brokers, clientId: 'streams-fault-test' }
      const [input, output] = [uniqueName('keys'), uniqueName('counts')]
      await createTopics(options, partitions, input, output)
      await using directory = await stateDirectory()
      const args = [kafka.brokers[0] as string, uniqueName('app'), input, output, directory.path]
      const children: ChildProcess[] = []
      const start = () => {
        const told: Told[] = []
        const child = fork(program, args, {
          execArgv: ['--disable-warning=ExperimentalWarning'],
          stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
        })
        child.on('message', (message) => told.push(message as Told))
        children.push(child)
        return { child, told }
      }
      await using producer = await createProducer(options)
      const put = async (count: number): Promise<void> => {
        for (let first = 0; first < count; first += 10_000) {
          const keys = Array.from(
            { length: Math.min(10_000, count - first) },
            (_, index) => `key-${first + index}`,
          )
          await producer.sendColumns({ topic: input, keys, values: keys.map(() => 'x') })
        }
      }
      await using reader = await CommittedReader.open(options, output)
      const counted = (count: number) => eventually('counted', () => reader.count >= count, limit)
      try {
        const first = start()
        await put(keyCount)
        await counted(keyCount)
        // Once one more commit is done, those before it are on disk.
        await put(1)
        await counted(keyCount + 1)
        first.child.send('arm')
        await eventually('armed', () => first.told.some(({ isArmed }) => isArmed), limit)
        // One commit that Kafka has and the disk has not, or two, if it comes in between.
        await put(tailCount)
        assert.equal((await exitOf(first.child)).signal, 'SIGKILL')
        const second = start()
        await put(10)
        await counted(keyCount + 1 + tailCount + 10)
        const restored = second.told.filter((each) => each.restored !== undefined)
        const count = restored.reduce((sum, each) => sum + (each.restored ?? 0), 0)
        t.diagnostic(`${count} of ${keyCount} records were read again`)
        assert.ok(count >= 1, 'the commit that the disk did not see')
        assert.ok(count <= tailCount + 1, `${count} records, of a tail of ${tailCount}`)
        for (const { from } of restored)
          assert.ok((from ?? 0) > (keyCount / partitions) * 0.8, `read from ${from}`)
        const { code } = await endChild(second.child, 'SIGTERM')
        assert.equal(code, 0)
        const counts = new Map<string, number[]>()
        for (const { key, value } of await readCommitted(options, output))
          counts.set(key, [...(counts.get(key) ?? []), value ? longSerde.deserialize(value) : -1])
        assert.equal(counts.size, keyCount)
        for (let index = 0; index < keyCount; index++)
          assert.deepEqual(
            counts.get(`key-${index}`),
            [1, 2, 3, 4].slice(0, 1 + [1, tailCount, 10].filter((each) => index < each).length),
          )
      } finally {
        for (const child of children) await endChild(child, 'SIGKILL')
      }
    })
  })
