import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formulaOf, formulaText, toAggregate, toCourses, toTopList } from './mappers.ts'
import { defaultWeights } from './model.ts'

const wire = {
  threadId: 't1',
  courseId: 'c',
  viewCount: 10,
  commentCount: 2,
  upvotes: 3,
  downvotes: 1,
  participants: 2,
  engagementScore: 32,
  lastActivityAt: '2026-11-21T10:00:00Z',
  updatedAt: '2026-11-21T10:00:01.500Z',
}

test('aggregate: times become milliseconds, an absent one stays unknown', () => {
  const aggregate = toAggregate({ ...wire, lastActivityAt: null })
  assert.equal(aggregate.updatedAtMs, Date.UTC(2026, 10, 21, 10, 0, 1, 500))
  assert.equal(aggregate.lastActivityAtMs, null)
})

test('formula: shows the sum that gives the score', () => {
  const terms = formulaOf(toAggregate(wire), defaultWeights)
  assert.deepEqual(
    terms?.map(({ what, product }) => [what, product]),
    [
      ['view', 10],
      ['comment', 10],
      ['vote', 12],
    ],
  )
})

test('formula: is not shown when it would not add up', () => {
  assert.equal(formulaOf(toAggregate({ ...wire, engagementScore: 33 }), defaultWeights), null)
})

test('top list: ranks follow the order given; weights are the service’s own', () => {
  const weights = { views: 1, comments: 2, votes: 0 }
  const top = toTopList({ courseId: 'c', since: null, weights, items: [wire, wire] })
  assert.deepEqual(
    top.threads.map(({ rank }) => rank),
    [1, 2],
  )
  assert.equal(formulaText(top.weights), 'views + 2 × comments + 0 × votes')
})

test('courses: come with their number of threads', () => {
  const body = { items: [{ courseId: 'qc/quantum-gate', threadCount: 7, viewCount: 1 }] }
  assert.deepEqual(toCourses(body), [{ id: 'qc/quantum-gate', threadCount: 7 }])
})
