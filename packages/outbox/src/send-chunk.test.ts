import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { uuidv7 } from '@millrace/core'
import { KafkaError } from '@millrace/kafka'
import { eventIdOf, RecordingProducer } from '../test/recording-producer.ts'
import { AtLeastOncePublisher } from './lane-publisher.ts'
import {
  ChunkOutcome,
  countBefore,
  isRefusal,
  planChunk,
  refuse,
  type BlockedKeys,
} from './send-chunk.ts'
import { cutChunk, type Chunk } from './set-reader.ts'
import { slotOf, slotsOfLane } from './slot.ts'
import type { PendingEvent } from './sql/read-set.ts'

function pending(id: number, key: string | null, notBeforeMs: number | null = null): PendingEvent {
  return {
    id: BigInt(id),
    eventId: uuidv7(),
    topic: 'things',
    eventKey: key,
    eventType: 'thing_happened',
    serviceName: 'tests',
    aggregateType: 'thing',
    aggregateId: 'a',
    correlationId: uuidv7(),
    traceparent: null,
    occurredAtMs: 0,
    notBeforeMs,
    maxRetries: 1,
    sizeBytes: 2,
    payload: '{}',
  }
}

/** A lane's loop in small: sends chunks, cuts them where the broker refuses, goes on after outages. */
async function publishAll(
  producer: RecordingProducer,
  rows: readonly PendingEvent[],
  blocked: BlockedKeys,
): Promise<ChunkOutcome[]> {
  const outcomes: ChunkOutcome[] = []
  const waiting: Chunk[] = rows.length > 0 ? [{ events: rows, uptoId: rows.at(-1)?.id ?? 0n }] : []
  const publisher = new AtLeastOncePublisher(
    async () => producer,
    () => 'text',
  )
  for (let chunk = waiting[0]; chunk; chunk = waiting[0]) {
    const outcome = new ChunkOutcome()
    const sendable = planChunk(chunk.events, blocked, outcome)
    try {
      outcome.places = await publisher.publish(sendable)
      outcome.published = sendable
    } catch (error) {
      if (!isRefusal(error)) continue
      const count = countBefore(error, sendable.length)
      if (sendable.length > 1) {
        const next = sendable[count] as PendingEvent
        waiting.splice(0, 1, ...cutChunk(chunk, chunk.events.indexOf(next)))
        continue
      }
      refuse(sendable[0] as PendingEvent, error, 'park-key', blocked, outcome)
    }
    waiting.shift()
    outcomes.push(outcome)
  }
  return outcomes
}

test('send: any refusals and outages leave every event published, refused or parked, and every key in order', async () => {
  const events = fc.array(
    fc.record({ key: fc.constantFrom('a', 'b', 'c', null), isBad: fc.boolean() }),
    { maxLength: 40 },
  )
  const outages = fc.array(fc.nat(10), { maxLength: 5 })
  await fc.assert(
    fc.asyncProperty(events, outages, fc.boolean(), async (wanted, outageAfter, namesRefused) => {
      const producer = new RecordingProducer()
      const rows = wanted.map(({ key }, index) => pending(index + 1, key))
      const bad = new Set(rows.filter((_, index) => wanted[index]?.isBad).map((row) => row.eventId))
      producer.isRefused = (record) => bad.has(eventIdOf(record))
      producer.namesRefused = namesRefused
      const left = [...outageAfter]
      producer.beforeAppend = () => {
        if (left.length > 0 && producer.sends.length > (left[0] ?? 0)) {
          left.shift()
          throw new Error('outage')
        }
      }
      const outcomes = await publishAll(producer, rows, new Map())
      const published = outcomes.flatMap((outcome) => outcome.published)
      const ends = [
        ...published,
        ...outcomes.flatMap((outcome) => outcome.refused.map((each) => each.event)),
        ...outcomes.flatMap((outcome) => outcome.parked.map((each) => each.event)),
      ]
      assert.deepEqual(
        ends.map((row) => row.id).toSorted(compare),
        rows.map((row) => row.id),
      )
      assert.deepEqual(
        producer.eventIds,
        published.map((row) => row.eventId),
      )
      for (const key of ['a', 'b', 'c']) {
        const ofKey = rows.filter((row) => row.eventKey === key)
        const firstBad = ofKey.findIndex((row) => bad.has(row.eventId))
        const healthy = firstBad < 0 ? ofKey : ofKey.slice(0, firstBad)
        assert.deepEqual(
          published.filter((row) => row.eventKey === key),
          healthy,
          `key ${key}: all before the first refused one, none after it`,
        )
      }
      const keyless = rows.filter((row) => row.eventKey === null && !bad.has(row.eventId))
      assert.deepEqual(
        published.filter((row) => row.eventKey === null),
        keyless,
      )
    }),
  )
})

const compare = (a: bigint, b: bigint): number => (a < b ? -1 : 1)

test('send: delayed events and events of blocked keys are set aside', () => {
  const outcome = new ChunkOutcome()
  const rows = [pending(1, 'a'), pending(2, 'b'), pending(3, 'c', 1_000), pending(4, 'c', 999)]
  const sendable = planChunk(rows, new Map([['things\0a', 'head']]), outcome)
  assert.deepEqual(sendable, [rows[1]])
  assert.deepEqual(outcome.parked, [{ event: rows[0], headEventId: 'head' }])
  assert.deepEqual(outcome.delayed, [rows[2], rows[3]], 'whatever the time is: see planChunk')
})

test('slots: lanes share all of them, keys spread over them, and a key keeps its slot', () => {
  for (const laneCount of [1, 2, 3, 5, 16]) {
    const all = Array.from({ length: laneCount }, (_, lane) => slotsOfLane(lane, laneCount)).flat()
    assert.equal(new Set(all).size, 16)
    assert.equal(all.length, 16)
  }
  const counts = new Map<number, number>()
  for (let key = 0; key < 16_000; key++) {
    const slot = slotOf('things', `key-${key}`)
    counts.set(slot, (counts.get(slot) ?? 0) + 1)
  }
  assert.equal(counts.size, 16)
  for (const count of counts.values()) assert.ok(count > 700 && count < 1_300, String(count))
  assert.equal(slotOf('things', 'key-1'), slotOf('things', 'key-1'))
  assert.notEqual(
    slotOf('ab', 'c') === slotOf('a', 'bc') && slotOf('x', 'yz') === slotOf('xy', 'z'),
    true,
  )
})

test('send: denied rights are an outage of the lane, not the fault of an event', () => {
  const refusedWith = (errorName: string): KafkaError =>
    new KafkaError('MR_KAFKA_RECORD_REFUSED', 'refused', { errorName, index: 0 })
  assert.equal(isRefusal(refusedWith('TOPIC_AUTHORIZATION_FAILED')), false)
  assert.equal(isRefusal(refusedWith('MESSAGE_TOO_LARGE')), true)
})
