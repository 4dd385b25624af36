import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '@millrace/core/testing'
import type { FetchRequest } from '@millrace/protocol'
import { FetchSessions, type FetchContext } from './fetch-sessions.ts'
import { limits } from './limits.ts'

function request(options: {
  id?: number
  epoch?: number
  topics?: Readonly<Record<string, readonly number[]>>
  forget?: Readonly<Record<string, readonly number[]>>
}): FetchRequest {
  const { id = 0, epoch = 0, topics = {}, forget = {} } = options
  return {
    sessionId: id,
    sessionEpoch: epoch,
    topics: Object.entries(topics).map(([topic, numbers]) => ({
      topic,
      topicId: '',
      partitions: numbers.map((partition) => ({ partition, fetchOffset: 0n })),
    })),
    forgottenTopicsData: Object.entries(forget).map(([topic, partitions]) => ({
      topic,
      topicId: '',
      partitions,
    })),
  } as unknown as FetchRequest
}

/** Answers every partition asked for with this high watermark and these record bytes. */
function answer(context: FetchContext | number, highWatermark = 5n, bytes = 0, errorCode = 0) {
  assert.ok(typeof context !== 'number', 'an error instead of a session')
  return context.answer(
    context.topics.map(({ topic, topicId, partitions }) => ({
      topic,
      topicId,
      partitions: partitions.map(({ partition }) => ({
        partitionIndex: partition,
        errorCode,
        highWatermark,
        logStartOffset: 0n,
        abortedTransactions: null,
        records: Buffer.alloc(bytes),
      })),
    })),
  )
}

function asked(context: FetchContext | number): readonly string[] {
  assert.ok(typeof context !== 'number')
  return context.topics.flatMap(({ topic, partitions }) =>
    partitions.map(({ partition }) => `${topic}-${partition}`),
  )
}

function told(response: ReturnType<typeof answer>): readonly string[] {
  return response.responses.flatMap(({ topic, partitions }) =>
    partitions.map(({ partitionIndex }) => `${topic}-${partitionIndex}`),
  )
}

test('session: an incremental request repeats nothing, and its answer tells only what is new', () => {
  const sessions = new FetchSessions(new SimulatedClock())
  const first = answer(sessions.begin(request({ topics: { t: [0, 1], u: [0] } }), false))
  const id = first.sessionId!
  assert.notEqual(id, 0)
  assert.deepEqual(told(first), ['t-0', 't-1', 'u-0'])
  const second = sessions.begin(request({ id, epoch: 1 }), false)
  assert.deepEqual(asked(second), ['t-0', 't-1', 'u-0'])
  assert.deepEqual(told(answer(second)), [])
  assert.deepEqual(
    told(answer(sessions.begin(request({ id, epoch: 2 }), false), 6n)),
    ['t-0', 't-1', 'u-0'],
    'a new high watermark is news',
  )
  const third = sessions.begin(
    request({ id, epoch: 3, topics: { v: [2] }, forget: { t: [0] } }),
    false,
  )
  assert.deepEqual(asked(third), ['t-1', 'u-0', 'v-2'])
  assert.deepEqual(told(answer(third, 6n)), ['v-2'])
})

test('session: an error is told until it is gone, and once more when it is', () => {
  const sessions = new FetchSessions(new SimulatedClock())
  const id = answer(sessions.begin(request({ topics: { t: [0] } }), false)).sessionId!
  const next = (epoch: number, errorCode: number) =>
    told(answer(sessions.begin(request({ id, epoch }), false), 5n, 0, errorCode))
  assert.deepEqual(next(1, 3), ['t-0'])
  assert.deepEqual(next(2, 3), ['t-0'])
  assert.deepEqual(next(3, 0), ['t-0'])
  assert.deepEqual(next(4, 0), [])
})

test('session: a partition that gave records is read last the next time', () => {
  const sessions = new FetchSessions(new SimulatedClock())
  const id = answer(sessions.begin(request({ topics: { t: [0, 1, 2] } }), false)).sessionId!
  const context = sessions.begin(request({ id, epoch: 1 }), false)
  assert.ok(typeof context !== 'number')
  const [topic] = context.topics
  context.answer([
    {
      topic: 't',
      partitions: topic!.partitions.map(({ partition }) => ({
        partitionIndex: partition,
        errorCode: 0,
        highWatermark: 5n,
        logStartOffset: 0n,
        abortedTransactions: null,
        records: Buffer.alloc(partition === 0 ? 9 : 0),
      })),
    },
  ])
  assert.deepEqual(asked(sessions.begin(request({ id, epoch: 2 }), false)), ['t-1', 't-2', 't-0'])
})

test('session: ids and epochs that do not fit are told with their error', () => {
  const sessions = new FetchSessions(new SimulatedClock())
  const id = answer(sessions.begin(request({ topics: { t: [0] } }), false)).sessionId!
  assert.equal(sessions.begin(request({ id: id + 1, epoch: 1 }), false), 70)
  assert.equal(sessions.begin(request({ id: 0, epoch: 1 }), false), 70)
  assert.equal(sessions.begin(request({ id, epoch: 2 }), false), 71)
  assert.equal(sessions.begin(request({ id, epoch: 1 }), true), 106)
  answer(sessions.begin(request({ id, epoch: 1 }), false))
  assert.equal(sessions.begin(request({ id, epoch: 1 }), false), 71, 'each epoch counts once')
})

test('session: (id, -1) ends it, (id, 0) begins another in its place, forgetting all ends it too', () => {
  const sessions = new FetchSessions(new SimulatedClock())
  const open = () => answer(sessions.begin(request({ topics: { t: [0] } }), false)).sessionId!
  const ended = open()
  assert.equal(answer(sessions.begin(request({ id: ended, epoch: -1 }), false)).sessionId, 0)
  assert.equal(sessions.begin(request({ id: ended, epoch: 1 }), false), 70)
  const replaced = open()
  const next = answer(sessions.begin(request({ id: replaced, topics: { t: [1] } }), false))
  assert.notEqual(next.sessionId, replaced)
  assert.equal(sessions.sessionCount, 1)
  const id = next.sessionId!
  const last = answer(sessions.begin(request({ id, epoch: 1, forget: { t: [1] } }), false))
  assert.equal(last.sessionId, 0)
  assert.deepEqual([sessions.sessionCount, sessions.partitionCount], [0, 0])
})

test('session: a full cache keeps who is in use, and makes room of idle and of small old ones', async () => {
  const clock = new SimulatedClock()
  const sessions = new FetchSessions(clock)
  const open = (count = 1) =>
    answer(
      sessions.begin(request({ topics: { t: Array.from({ length: count }, (_, n) => n) } }), false),
    ).sessionId!
  const ids = Array.from({ length: limits.fetchSessions }, () => open())
  assert.equal(open(), 0, 'no session is every broker’s right')
  await clock.advance(limits.fetchSessionEvictionMs + 1)
  for (const id of ids.slice(1)) answer(sessions.begin(request({ id, epoch: 1 }), false))
  assert.notEqual(open(), 0, 'the first was idle for long')
  assert.equal(sessions.begin(request({ id: ids[0]!, epoch: 1 }), false), 70)
  assert.equal(open(), 0, 'the others are in use and as large')
  assert.notEqual(open(2), 0, 'a larger one takes the place of an old smaller one')
  assert.equal(sessions.sessionCount, limits.fetchSessions)
})
