import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { pageJson, readPageJson, readRequestJson, requestJson } from './page-json.ts'
import type { Page, PageRequest, StoreRead } from './store-read.ts'

const key = Buffer.from([0, 255, 10])
const times = { fromMs: Number.MIN_SAFE_INTEGER, toMs: Number.MAX_SAFE_INTEGER }
const ends = { earliestEndMs: 1, latestStartMs: 2 }
const reads: readonly StoreRead[] = [
  { kind: 'count' },
  { kind: 'get', key },
  { kind: 'range', from: null, to: key, isReverse: true },
  { kind: 'prefix', prefix: key },
  { kind: 'window', key, startMs: -5 },
  { kind: 'windowsOfKey', key, ...times, isReverse: false },
  { kind: 'windows', from: key, to: null, ...times, isReverse: true },
  { kind: 'session', key, startMs: 1, endMs: 2 },
  { kind: 'sessionsOfKey', key, ...ends, isReverse: true },
  { kind: 'endedSessions', earliestEndMs: 1, latestEndMs: 2 },
]
const request: PageRequest = {
  store: 's',
  partition: 3,
  read: { kind: 'count' },
  after: { key, startMs: 1, endMs: 2 },
  limit: 7,
  isolation: 'committed',
  bounds: [{ topic: 'in', partition: 1, offset: 9_007_199_254_740_993n }],
  maxLagRecords: 4,
  timeoutMs: 5,
}
const page: Page = {
  rows: [
    { key, value: Buffer.alloc(0), timestamp: -1, startMs: 0, endMs: 0 },
    { key: Buffer.alloc(0), value: Buffer.from('v'), timestamp: 5, startMs: 1, endMs: 2 },
  ],
  entryCount: 0,
  isLast: false,
  positions: [
    { topic: 'in', partition: 1, offset: -1n },
    { topic: 'in', partition: 2, offset: 4n, lagRecords: 3 },
  ],
}

describe('pages between instances', () => {
  for (const read of reads)
    test(`a request for ${read.kind} arrives as it was sent`, () => {
      const sent = { ...request, read }
      assert.deepEqual(readRequestJson('app', requestJson('app', sent)), sent)
      const plain = { ...sent, partition: undefined, after: undefined, maxLagRecords: undefined }
      assert.deepEqual(readRequestJson('app', requestJson('app', plain)), plain)
    })

  test('a page arrives as it was sent', () => {
    assert.deepEqual(readPageJson(pageJson(page)), page)
    const empty = { ...page, rows: [], isLast: true, entryCount: 12 }
    assert.deepEqual(readPageJson(pageJson(empty)), empty)
  })

  test('whatever is cut or changed in a request or page gives a typed error, or another one of them', () => {
    const texts = [
      ...reads.map((read) => ({
        read: readRequestJson.bind(null, 'app'),
        text: requestJson('app', { ...request, read }),
      })),
      { read: readPageJson, text: pageJson(page) },
    ]
    for (const { read, text } of texts)
      for (let at = 0; at < text.length; at++)
        for (const changed of [
          text.slice(0, at),
          `${text.slice(0, at)}[${text.slice(at + 1)}`,
          `${text.slice(0, at)}9${text.slice(at)}`,
        ])
          try {
            read(changed)
          } catch (error) {
            assert.equal((error as { code?: string }).code, 'MR_STREAMS_BAD_QUERY', changed)
          }
  })

  for (const { name, text } of [
    {
      name: 'lengths that are not those of the bytes',
      text: pageJson(page).replace('"lengths":[3', '"lengths":[4'),
    },
    { name: 'rows without times', text: pageJson(page).replace('"times":[-1,', '"times":[') },
    { name: 'a list', text: '[]' },
    { name: 'nothing', text: '' },
    { name: 'null', text: 'null' },
  ])
    test(`no page: ${name}`, () =>
      assert.throws(() => readPageJson(text), { code: 'MR_STREAMS_BAD_QUERY' }))

  test('a request to another application is refused', () => {
    assert.throws(() => readRequestJson('other', requestJson('app', request)), {
      code: 'MR_STREAMS_BAD_QUERY',
      message: /must be "other", which answers here/,
    })
  })
})
