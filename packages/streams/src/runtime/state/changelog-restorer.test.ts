import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '@millrace/core'
import { SimulatedClock } from '@millrace/core/testing'
import type { ClusterAdmin, Consumer, ConsumerBatch, TopicPartition } from '@millrace/kafka'
import { TaskCounts } from '../../metrics/task-counts.ts'
import { openTaskEnvironment } from '../../state/lmdb-environment.ts'
import type { StreamTask } from '../../task/stream-task.ts'
import { ChangelogRestorer, type RestoreProgress } from './changelog-restorer.ts'
import { RunningTask } from '../tasks/running-task.ts'

const changelog = { topic: 'app-counts-changelog', partition: 0, store: 'counts' }

/** A reader that is handed its batches by the test. */
class ScriptedConsumer {
  #assigned: readonly TopicPartition[] = []
  #given = Promise.withResolvers<IteratorResult<ConsumerBatch>>()

  assign(rows: readonly TopicPartition[]): void {
    this.#assigned = rows
  }

  assignment(): readonly TopicPartition[] {
    return this.#assigned
  }

  position(): null {
    return null
  }

  async close(): Promise<void> {
    this.#given.resolve({ done: true, value: undefined })
  }

  /** All up to there in one batch. */
  read(nextOffset: number): void {
    const { topic, partition } = changelog
    const key = Buffer.from('k')
    const batch = {
      topic,
      partition,
      length: 1,
      nextOffset: BigInt(nextOffset),
      highWatermark: BigInt(nextOffset),
      key: () => key,
      value: () => Buffer.from([nextOffset]),
      timestampMs: () => 0,
      headers: () => [],
    }
    const { resolve } = this.#given
    this.#given = Promise.withResolvers<IteratorResult<ConsumerBatch>>()
    resolve({ done: false, value: batch as unknown as ConsumerBatch })
  }

  [Symbol.asyncIterator](): AsyncIterator<ConsumerBatch> {
    return { next: () => this.#given.promise }
  }
}

function subject() {
  const clock = new SimulatedClock()
  const consumer = new ScriptedConsumer()
  /** One for each time that the restorer asked where the changelog ends. */
  const answers: ((end: number) => Promise<void>)[] = []
  const value: number[] = []
  const task = new RunningTask({
    task: {
      id: '0_0',
      stores: new Map([
        ['counts', { restore: (_: Buffer, bytes: Buffer) => value.push(bytes.readUInt8()) }],
      ]),
      renewOperators() {},
      counts: new TaskCounts(),
    } as unknown as StreamTask,
    changelogs: [changelog],
    // Without a store that asks for it nothing is on disk.
    environment: openTaskEnvironment({
      directory: 'nowhere',
      taskId: '0_0',
      clock,
      logger: silentLogger,
    }),
    maxTaskIdleMs: 0,
    lagOf: () => 0,
  })
  const progress: RestoreProgress[] = []
  const restoredAt: (number | undefined)[] = []
  const restorer = new ChangelogRestorer({
    consumer: consumer as unknown as Consumer,
    admin: {
      async listOffsets(rows: readonly TopicPartition[], at: 'earliest' | 'latest') {
        if (at === 'earliest') return rows.map((row) => ({ ...row, offset: 0n }))
        const answer = Promise.withResolvers<number>()
        answers.push(async (end) => {
          answer.resolve(end)
          await settled()
        })
        const end = await answer.promise
        return rows.map((row) => ({ ...row, offset: BigInt(end) }))
      },
    } as unknown as ClusterAdmin,
    clock,
    logger: silentLogger,
    onProgress: (each) => progress.push(each),
    onRestored(each) {
      restoredAt.push(value.at(-1))
      each.state = 'RUNNING'
    },
    onFailure: (error) => assert.fail(String(error)),
  })
  return {
    task,
    restorer,
    consumer,
    answers,
    progress,
    restoredAt,
    async [Symbol.asyncDispose]() {
      const closed = restorer.close()
      // It sleeps between two looks at positions.
      await clock.advance(1_000)
      await closed
    },
  }
}

/** Whatever needs nothing but promises that are settled has happened. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

test('a task that comes back is not restored by the answer to a question from before it was given up', async () => {
  await using it = subject()
  const { task, restorer, consumer, answers, progress, restoredAt } = it
  void restorer.restore([task])
  task.suspend()
  void restorer.follow([task])
  void restorer.restore([task])
  // Others have written from 3 to 10 while they had it.
  await answers[0]?.(3)
  await answers[1]?.(3)
  assert.deepEqual([progress, restoredAt], [[], []])
  await answers[2]?.(10)
  assert.deepEqual(
    progress.map(({ phase, role, endOffset }) => [phase, role, endOffset]),
    [['start', 'active', 10]],
  )
  consumer.read(3)
  await settled()
  assert.deepEqual(restoredAt, [])
  consumer.read(10)
  await settled()
  assert.deepEqual(restoredAt, [10])
})

test('a task that comes back while it is read to where its changelog ended before waits for where that ends now', async () => {
  await using it = subject()
  const { task, restorer, consumer, answers, restoredAt } = it
  void restorer.restore([task])
  await answers[0]?.(3)
  consumer.read(1)
  await settled()
  task.suspend()
  void restorer.follow([task])
  void restorer.restore([task])
  consumer.read(3)
  await settled()
  assert.deepEqual(restoredAt, [], 'as of 3')
  await answers[1]?.(3)
  assert.deepEqual(restoredAt, [], 'as of 3')
  await answers[2]?.(10)
  consumer.read(10)
  await settled()
  assert.deepEqual(restoredAt, [10])
})

test('a task that goes back to being a copy before its end is known does not run', async () => {
  await using it = subject()
  const { task, restorer, consumer, answers, restoredAt } = it
  void restorer.restore([task])
  task.suspend()
  void restorer.follow([task])
  await answers[0]?.(3)
  await answers[1]?.(3)
  consumer.read(3)
  await settled()
  assert.deepEqual([task.state, restoredAt], ['STANDBY', []])
  void restorer.restore([task])
  await answers[2]?.(3)
  assert.deepEqual([task.state, restoredAt], ['RUNNING', [3]])
})

test('a copy of a task forgets what the task has left of its read-only stores', async () => {
  await using it = subject()
  const wiped: string[] = []
  const task = new RunningTask({
    task: it.task.task,
    changelogs: [{ topic: 'prices', partition: 0, store: 'prices', isSource: true }],
    environment: {
      wipe: (store: string) => void wiped.push(store),
    } as unknown as RunningTask['environment'],
    maxTaskIdleMs: 0,
    lagOf: () => 0,
  })
  await it.restorer.follow([task])
  assert.deepEqual([task.state, wiped], ['STANDBY', ['prices']])
})

test('a copy that ends says why: it is to run here, or somebody else has the task', async () => {
  await using it = subject()
  const { task, restorer, consumer, answers, progress } = it
  void restorer.follow([task])
  await answers[0]?.(3)
  consumer.read(3)
  await settled()
  void restorer.restore([task])
  await answers[1]?.(3)
  assert.equal(task.state, 'RUNNING')
  task.suspend()
  void restorer.follow([task])
  await answers[2]?.(3)
  restorer.drop(task)
  assert.deepEqual(
    progress.flatMap(({ phase, role, reason }) => (phase === 'end' ? [[role, reason]] : [])),
    [
      ['standby', 'promoted'],
      ['standby', 'migrated'],
    ],
  )
})
