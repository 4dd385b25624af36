import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anything, assert as check, jsonValue, oneof, property } from 'fast-check'
import { parseImportLine } from './import-line.ts'

const common = {
  id: 'q1',
  threadId: 'q1',
  course: 'qc/x',
  author: null,
  createdAt: '2018-03-12T17:00:45.567Z',
}

test('import line: fields that are not known are ignored, an absent author is unknown', () => {
  const { author: _, ...anonymous } = common
  const line = {
    ...anonymous,
    type: 'thread',
    title: 't',
    body: 'b',
    tags: ['x'],
    score: 3,
    truncated: true,
  }
  const parsed = parseImportLine(line)
  assert.ok('line' in parsed)
  assert.equal(parsed.line.author, undefined)
})

test('import line: times are cut to milliseconds, as events and cursors have them', () => {
  const line = { ...common, type: 'view', parentId: 'q1', count: 1 }
  const parsed = parseImportLine({ ...line, createdAt: '2018-03-12T17:00:45.567999Z' })
  assert.ok('line' in parsed)
  assert.equal(parsed.line.createdAt, '2018-03-12T17:00:45.567Z')
})

for (const { name, line, reason } of [
  {
    name: 'a time without a zone',
    line: { ...common, type: 'view', parentId: 'q1', count: 1, createdAt: '2018-03-12T17:00:45' },
    reason: /createdAt/,
  },
  ...[
    '2018-02-30T00:00:00Z',
    '2018-03-12T24:00:00Z',
    '0000-01-01T00:00:00Z',
    '1900-12-31T23:59:59Z',
    '9999-12-31T24:00:00Z',
  ].map((createdAt) => ({
    name: `the time ${createdAt}`,
    line: { ...common, type: 'view', parentId: 'q1', count: 1, createdAt },
    reason: /createdAt is no time/,
  })),
  {
    name: 'a view of a comment',
    line: { ...common, type: 'view', parentId: 'c1', count: 1 },
    reason: /views are of threads/,
  },
  {
    name: 'half a surrogate pair',
    line: { ...common, type: 'thread', title: '\ud800', body: 'b' },
    reason: /title holds/,
  },
  { name: 'no parent', line: { ...common, type: 'vote', vote: 'up' }, reason: /parentId/ },
]) {
  test(`import line: ${name} is refused with the reason`, () => {
    const parsed = parseImportLine(line)
    assert.ok('reason' in parsed)
    assert.equal(parsed.id, 'q1')
    assert.match(parsed.reason, reason)
  })
}

test('import line: whatever comes, it is taken or refused, never thrown at', () => {
  check(
    property(oneof(anything(), jsonValue()), (value) => {
      const parsed = parseImportLine(value)
      assert.ok('line' in parsed || parsed.reason !== '')
    }),
  )
})
