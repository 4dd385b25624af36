import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomInt, seededRandom } from '@millrace/core'
import { StreamsError } from '../errors.ts'
import { noHeaders, type Headers, type RecordContext } from '../record.ts'
import { stringSerde } from '../serde.ts'
import { decodeBuffered, encodeBuffered } from './buffered-value.ts'
import { sentBytes } from '../task/stream-task.ts'
import { unsetTimestamp } from './store.ts'
import { suppressBuffer } from './suppress-buffer.ts'
import { TimeOrderedQueue, type Waiting } from './time-ordered-queue.ts'

const builder = suppressBuffer<string, string>({
  name: 'buffer',
  key: stringSerde,
  value: stringSerde,
  isLogged: true,
  topicConfig: {},
})

function recordAt(timestamp: number, headers: Headers = noHeaders): RecordContext {
  const place = { topic: 'in', partition: 2, offset: 7 }
  return { ...place, timestamp, headers, rawKey: null, rawValue: null }
}

interface LoggedWithHeaders {
  readonly key: Buffer
  readonly value: Buffer | null
  readonly timestamp: number
  readonly headers: Headers
}

function openedBuffer() {
  const log: LoggedWithHeaders[] = []
  const buffer = builder.build()
  buffer.init({
    taskId: '0_0',
    record: recordAt(0),
    logChange: (key, value, timestamp, headers) =>
      void log.push({ key, value: sentBytes(value), timestamp, headers }),
    countExpired: () => {},
  })
  return { buffer, log }
}

test('updates leave in the order of time, then key; one that came again keeps its place (trap 16)', () => {
  const { buffer } = openedBuffer()
  const put = (time: number, key: string, value: string): void =>
    buffer.put(time, key, { newValue: value, oldValue: null }, recordAt(time))
  put(5, 'b', '1')
  put(5, 'a', '2')
  put(3, 'c', '3')
  put(9, 'c', '4')
  assert.equal(buffer.firstTimeMs, 3)
  const left: unknown[] = []
  buffer.releaseWhile(
    () => buffer.firstTimeMs <= 5,
    (key, { newValue }, { timestamp }) => left.push([key, newValue, timestamp]),
  )
  assert.deepEqual(left, [
    ['c', '4', 9],
    ['a', '2', 5],
    ['b', '1', 5],
  ])
  assert.equal(buffer.recordCount, 0)
  assert.equal(buffer.sizeBytes, 0)
  assert.equal(buffer.firstTimeMs, Infinity)
})

test('what downstream was told last is that of before the first update that waits', () => {
  const { buffer } = openedBuffer()
  buffer.put(1, 'k', { newValue: 'b', oldValue: 'a' }, recordAt(1))
  buffer.put(2, 'k', { newValue: 'c', oldValue: 'b' }, recordAt(2))
  assert.deepEqual(buffer.priorValue('k'), { value: 'a' })
  assert.equal(buffer.priorValue('j'), undefined)
})

test('a commit writes each key once: its last update, or that it left; a new buffer takes all of it over', () => {
  const { buffer, log } = openedBuffer()
  const headers = [
    { key: 'h', value: Buffer.from('x') },
    { key: 'h', value: null },
  ]
  buffer.put(1, 'a', { newValue: 'a1', oldValue: 'a0' }, recordAt(1))
  buffer.put(2, 'b', { newValue: 'b1', oldValue: null }, recordAt(2, headers))
  buffer.put(3, 'a', { newValue: 'a2', oldValue: 'a1' }, recordAt(3))
  buffer.flush()
  assert.deepEqual(
    log.map(({ key }) => String(key)),
    ['a', 'b'],
  )
  assert.ok(log.every(({ timestamp }) => timestamp === unsetTimestamp))
  buffer.releaseWhile(
    () => buffer.firstTimeMs <= 1,
    () => {},
  )
  buffer.put(4, 'c', { newValue: null, oldValue: null }, recordAt(4))
  buffer.flush()
  buffer.flush()
  assert.equal(log.length, 4)

  const { buffer: restored } = openedBuffer()
  for (const { key, value, timestamp, headers: each } of log)
    restored.restore(key, value, timestamp, each)
  assert.equal(restored.recordCount, 2)
  assert.equal(restored.sizeBytes, buffer.sizeBytes)
  const left: unknown[] = []
  restored.releaseWhile(
    () => true,
    (key, change, record) => left.push([key, change, record]),
  )
  assert.deepEqual(left, [
    ['b', { newValue: 'b1', oldValue: null }, recordAt(2, headers)],
    ['c', { newValue: null, oldValue: null }, recordAt(4)],
  ])
})

test('a changelog of Kafka Streams before 2.4 is refused, saying what to do', () => {
  const { buffer } = openedBuffer()
  for (const headers of [noHeaders, [{ key: 'v', value: Buffer.from([2]) }]])
    assert.throws(
      () => buffer.restore(Buffer.from('k'), Buffer.alloc(40), 0, headers),
      (error: unknown) => error instanceof StreamsError && error.code === 'MR_STREAMS_UNDECODABLE',
    )
})

test('a held update that is cut off anywhere is an error', () => {
  const value = { prior: Buffer.from('p'), old: Buffer.from('o'), new: null, record: recordAt(1) }
  const bytes = encodeBuffered(value, 9)
  assert.deepEqual(decodeBuffered(bytes), { value, timeMs: 9 })
  for (let size = 0; size < bytes.length; size++)
    assert.throws(() => decodeBuffered(bytes.subarray(0, size)), RangeError, `${size} bytes`)
})

test('a queue gives its items in order, without those removed', () => {
  for (let seed = 1; seed <= 100; seed++) {
    const random = seededRandom(seed)
    const queue = new TimeOrderedQueue<Waiting>()
    let model: Waiting[] = []
    for (let step = 0; step < 100; step++) {
      const first = model.toSorted(inOrder)[0]
      assert.deepEqual(queue.peek(), first, `seed ${seed}, step ${step}`)
      const chance = randomInt(random, 4)
      const victim = chance === 0 ? first : chance === 1 ? model[randomInt(random, 20)] : undefined
      if (victim) {
        queue.remove(victim)
        model = model.filter((each) => each !== victim)
      } else {
        const item = { timeMs: randomInt(random, 10), id: String(step) }
        queue.push(item)
        model.push(item)
      }
    }
  }
})

function inOrder(left: Waiting, right: Waiting): number {
  return left.timeMs - right.timeMs || (left.id < right.id ? -1 : 1)
}
