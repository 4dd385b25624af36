import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  findingsOf,
  lagOfPages,
  prettyValue,
  storeReadOf,
  toStorePage,
  utcMs,
  type StoreSearch,
} from './store-read.ts'

const noon = Date.UTC(2026, 0, 1, 12)
const asked: readonly {
  readonly name: string
  readonly kind: string
  readonly keyForm?: string | null
  readonly search: StoreSearch
  readonly read: readonly [string, Readonly<Record<string, string>>] | null
}[] = [
  {
    name: 'one key',
    kind: 'timestampedKeyValue',
    search: { store: 's', find: 'key', key: '7', from: 'left over' },
    read: ['get', { key: '7' }],
  },
  {
    name: 'a range, backwards',
    kind: 'keyValue',
    search: { store: 's', find: 'keys', from: 'a', order: 'desc' },
    read: ['range', { from: 'a', order: 'desc' }],
  },
  {
    name: 'a prefix',
    kind: 'keyValue',
    search: { store: 's', find: 'prefix', key: 'a' },
    read: ['prefix', { prefix: 'a' }],
  },
  {
    name: 'a prefix of numbers',
    kind: 'keyValue',
    keyForm: 'integer',
    search: { store: 's', find: 'prefix', key: '1' },
    read: null,
  },
  {
    name: 'windows of a key',
    kind: 'window',
    search: { store: 's', find: 'key', key: 'ann', since: '2026-01-01T12:00' },
    read: ['windows-of-key', { key: 'ann', fromMs: String(noon) }],
  },
  {
    name: 'windows of all keys',
    kind: 'window',
    search: { store: 's', find: 'keys', to: 'b', until: '2026-01-01T12:00:01' },
    read: ['windows', { to: 'b', toMs: String(noon + 1_000) }],
  },
  {
    name: 'sessions of a key',
    kind: 'session',
    search: {
      store: 's',
      find: 'key',
      key: 'ann',
      since: '2026-01-01T12:00',
      until: '2026-01-01T12:00',
    },
    read: [
      'sessions-of-key',
      { key: 'ann', earliestEndMs: String(noon), latestStartMs: String(noon) },
    ],
  },
  {
    name: 'sessions that ended, and a time that is none',
    kind: 'session',
    search: { store: 's', find: 'keys', since: 'yesterday', until: '2026-01-01T12:00' },
    read: ['ended-sessions', { latestEndMs: String(noon) }],
  },
  { name: 'no key', kind: 'keyValue', search: { store: 's', find: 'key' }, read: null },
  { name: 'no way', kind: 'keyValue', search: { store: 's' }, read: null },
  {
    name: 'a store that cannot be read',
    kind: 'joinWindow',
    keyForm: null,
    search: { store: 's', find: 'keys' },
    read: null,
  },
]
for (const { name, kind, keyForm = 'text', search, read } of asked)
  test(`store browser, what is asked for: ${name}`, () => {
    const found = storeReadOf(search, kind, keyForm)
    assert.deepEqual(found, read && { store: 's', read: read[0], parameters: read[1] })
  })

test('store browser: fields are those that the service takes, and each kind has a first way', () => {
  for (const kind of ['keyValue', 'timestampedKeyValue', 'window', 'session'])
    assert.equal(findingsOf(kind, 'text')[0]?.find, 'keys', kind)
  assert.deepEqual(findingsOf('suppressBuffer', null), [])
  assert.equal(utcMs('2026-01-01T12:00'), noon)
  assert.equal(utcMs(''), null)
})

test('store browser: a page is read, and its lag is the last that each partition told', () => {
  const page = (lags: readonly (number | null)[]) =>
    toStorePage({
      rows: [
        {
          key: '1',
          value: '{"a":1}',
          isCut: false,
          sizeBytes: 7,
          timestamp: '2026-01-01T12:00:00.000Z',
          startMs: null,
          endMs: null,
          partition: 0,
        },
      ],
      after: null,
      key: null,
      partitions: lags.map((lagRecords, partition) => ({ partition, owner: null, lagRecords })),
      answeredAt: '2026-01-01T12:00:00.000Z',
    })
  assert.equal(page([]).rows[0]?.atMs, noon)
  assert.equal(lagOfPages([page([5, 2]), page([1])]), 3)
  assert.equal(lagOfPages([page([1, null])]), null)
  assert.equal(lagOfPages([]), null)
})

test('store browser: values over several lines, and as they are where they were cut', () => {
  assert.equal(prettyValue({ value: '{"a":1}', isCut: false }), '{\n  "a": 1\n}')
  assert.equal(prettyValue({ value: '{"a":', isCut: true }), '{"a":…')
  assert.equal(prettyValue({ value: 'no JSON', isCut: false }), 'no JSON')
})
