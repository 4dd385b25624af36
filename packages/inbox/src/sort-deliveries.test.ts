import assert from 'node:assert/strict'
import { test } from 'node:test'
import { uuidv7 } from '@millrace/core'
import { contracts, deposit } from '../test/fixture.ts'
import { deliveryOf, type Delivery } from './delivery.ts'
import { sortDeliveries, type SortOptions } from './sort-deliveries.ts'
import type { KnownRow } from './sql/find-known.ts'

const options: SortOptions = {
  countsFirst: () => false,
  maxAttempts: 3,
  isOrdered: true,
  blocked: new Set<string>(),
}

function delivery(offset: number, key: string | null = 'k', eventId = uuidv7()): Delivery {
  const event = { ...deposit(offset), eventId }
  const record = {
    topic: 'accounts',
    partition: 0,
    offset: BigInt(offset),
    timestampMs: Date.now(),
    key: key === null ? null : Buffer.from(key),
    value: Buffer.from(JSON.stringify(event)),
    headers: [],
  }
  return deliveryOf(record, { contracts, receivedAt: Date.now(), hasDay: () => true })
}

function known(of: Delivery, row: Partial<KnownRow>): ReadonlyMap<string, KnownRow> {
  const { topic, partition, offset } = of.record
  const place = { topic, partition, offset }
  const rest = { status: 'PROCESSED', attempts: 1, isTakenFromLog: false } as const
  return new Map([[of.logId, { id: of.logId, ...place, ...rest, ...row }]])
}

const rows: readonly {
  readonly name: string
  readonly row: Partial<KnownRow>
  readonly becomes: 'duplicate' | 'taken' | 'due' | 'start 2' | 'exhausted'
}[] = [
  { name: 'processed', row: {}, becomes: 'duplicate' },
  { name: 'parked', row: { status: 'PARKED' }, becomes: 'duplicate' },
  { name: 'waiting for its next attempt', row: { status: 'RECEIVED' }, becomes: 'duplicate' },
  {
    name: 'taken from the log by somebody',
    row: { status: 'PROCESSING', isTakenFromLog: true },
    becomes: 'duplicate',
  },
  {
    name: 'begun by the partition’s last owner',
    row: { status: 'PROCESSING', attempts: 1 },
    becomes: 'start 2',
  },
  {
    name: 'begun so for the last time',
    row: { status: 'PROCESSING', attempts: 3 },
    becomes: 'exhausted',
  },
  { name: 'failed, the same record', row: { status: 'FAILED' }, becomes: 'duplicate' },
  { name: 'failed, another record', row: { status: 'FAILED', offset: 99n }, becomes: 'due' },
  {
    name: 'skipped for its type, which is known by now',
    row: { status: 'SKIPPED', attempts: 0 },
    becomes: 'taken',
  },
  {
    name: 'skipped for its failure',
    row: { status: 'SKIPPED', attempts: 1, offset: 99n },
    becomes: 'duplicate',
  },
]
for (const each of rows)
  test(`sort: an event that is ${each.name} becomes ${each.becomes}`, () => {
    const one = delivery(1)
    const { move, taken, setAside, repeats } = sortDeliveries([one], known(one, each.row), options)
    const what =
      repeats.length === 1
        ? 'duplicate'
        : setAside[0]?.status === 'RECEIVED'
          ? 'due'
          : taken.length === 1
            ? 'taken'
            : move.kind === 'start'
              ? `start ${move.attempt}`
              : move.kind
    assert.equal(what, each.becomes)
  })

test('sort: events of a blocked key are parked in order, others and those without a key are taken', () => {
  const all = [delivery(0, 'a'), delivery(1, 'b'), delivery(2, null), delivery(3, 'a')]
  const sorted = sortDeliveries(all, new Map(), { ...options, blocked: new Set(['a']) })
  assert.deepEqual(
    sorted.setAside.map(({ delivery: each, status }) => [each.record.offset, status]),
    [
      [0n, 'PARKED'],
      [3n, 'PARKED'],
    ],
  )
  assert.deepEqual(
    sorted.taken.map((each) => each.record.offset),
    [1n, 2n],
  )
  const unordered = sortDeliveries(all, new Map(), {
    ...options,
    isOrdered: false,
    blocked: new Set(['a']),
  })
  assert.equal(unordered.taken.length, 4)
})

test('sort: an event that gets a new chance blocks its key for those behind it in the same batch', () => {
  const head = delivery(5, 'a')
  const all = [delivery(4, 'a'), head, delivery(6, 'a'), delivery(7, 'b')]
  const sorted = sortDeliveries(all, known(head, { status: 'FAILED', offset: 1n }), options)
  assert.deepEqual(
    sorted.setAside.map(({ delivery: each, status }) => [each.record.offset, status]),
    [
      [5n, 'RECEIVED'],
      [6n, 'PARKED'],
    ],
  )
  assert.equal(sorted.taken.length, 2)
})

test('sort: one whose attempts are counted first stands alone, and is begun alone', () => {
  const all = [delivery(0), delivery(1), delivery(2)]
  const countsFirst = (each: Delivery): boolean => each.record.offset === 1n
  const { move } = sortDeliveries(all, new Map(), { ...options, countsFirst })
  assert.deepEqual(move, { kind: 'isolate', index: 1 })
  const alone = sortDeliveries([delivery(1)], new Map(), { ...options, countsFirst })
  assert.deepEqual(alone.move, { kind: 'start', attempt: 1 })
})

test('sort: the same event twice in a batch is one', () => {
  const one = delivery(0, 'k', uuidv7())
  const twin = delivery(1, 'k', one.logId)
  const { taken, repeats } = sortDeliveries([one, twin], new Map(), options)
  assert.deepEqual([taken.length, repeats.map((each) => each.record.offset)], [1, [1n]])
})

function refused(offset: number, key: string): Delivery {
  const each = delivery(offset, key)
  each.refusal = {
    failure: { errorClass: 'Error', fingerprint: 'f', message: 'no', stack: '' },
    inMs: 10,
  }
  return each
}

test('what an error was blamed on is written down with its failure, and what comes behind it on its key is parked', () => {
  const [before, blamed, behind, other] = [
    delivery(1),
    refused(2, 'k'),
    delivery(3),
    delivery(4, 'other'),
  ]
  const sorted = sortDeliveries([before, blamed, behind, other], new Map(), options)
  assert.deepEqual(sorted.taken, [before, other])
  assert.deepEqual(sorted.refused, [blamed])
  assert.deepEqual(sorted.setAside, [{ delivery: behind, status: 'PARKED' }])
})

test('what an error was blamed on is parked itself where its key has been blocked meanwhile, and left out where it is known', () => {
  const blamed = refused(2, 'k')
  const parked = sortDeliveries([blamed], new Map(), { ...options, blocked: new Set(['k']) })
  assert.deepEqual(parked.setAside, [{ delivery: blamed, status: 'PARKED' }])
  const isKnown = sortDeliveries([blamed], known(blamed, {}), options)
  assert.deepEqual(isKnown.repeats, [blamed])
  assert.deepEqual([...parked.refused, ...isKnown.refused], [])
})
