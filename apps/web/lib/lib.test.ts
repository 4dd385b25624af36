import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { age, count, duration, rate, shortId, when } from './format.ts'
import { reconnectDelayMs } from './live-stream.ts'
import { asProblem, problemFrom } from './problem.ts'
import { ServerSentEventParser } from './server-sent-events.ts'

const stream =
  ': hello\n\nevent: aggregate\nid: 7\ndata: {"a":1}\n\ndata: two\r\ndata: lines\r\n\r\nevent: lost\n\n'
const expected = [
  { type: 'aggregate', data: '{"a":1}', id: '7' },
  { type: 'message', data: 'two\nlines', id: '7' },
]

test('event stream: is read the same however it is cut into pieces', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(stream.length)), (cuts) => {
      const parser = new ServerSentEventParser()
      const at = [0, ...cuts.toSorted((a, b) => a - b), stream.length]
      const events = at
        .slice(1)
        .flatMap((end, index) => [...parser.push(stream.slice(at[index], end))])
      assert.deepEqual(events, expected)
    }),
  )
})

test('event stream: an event without end is refused, not kept for ever', () => {
  const parser = new ServerSentEventParser()
  assert.throws(() => parser.push('x'.repeat(1_000_001)), RangeError)
})

test('reconnect: waits longer each time, with jitter, within bounds', () => {
  assert.deepEqual(
    [1, 2, 3, 20].map((attempt) => reconnectDelayMs(attempt, 1)),
    [500, 1000, 2000, 15_000],
  )
  assert.equal(reconnectDelayMs(1, 0), 250)
})

test('problem: the document of the service is shown as it is', () => {
  const { facts } = problemFrom(
    400,
    {
      title: 'Not valid',
      detail: 'See fields',
      code: 'MR_X',
      errors: [{ field: '/body/title', reason: 'is empty' }],
    },
    'abc',
  )
  assert.deepEqual(facts, {
    status: 400,
    code: 'MR_X',
    title: 'Not valid',
    detail: 'See fields',
    fields: [{ field: 'title', reason: 'is empty' }],
    correlationId: 'abc',
  })
})

for (const c of [
  { name: 'no body at all', body: undefined, status: 502, is: 'The service does not answer' },
  { name: 'a page instead of a document', body: '<html>', status: 404, is: 'Not found' },
]) {
  test(`problem: ${c.name} still gets a title and a code`, () => {
    const { facts } = problemFrom(c.status, c.body, null)
    assert.equal(facts.title, c.is)
    assert.equal(facts.code, `HTTP_${c.status}`)
  })
}

test('problem: retry is offered where it may help', () => {
  assert.equal(problemFrom(503, null, null).isRetryable, true)
  assert.equal(problemFrom(400, null, null).isRetryable, false)
  assert.equal(asProblem(new TypeError('thread.title should be text')).isRetryable, false)
  assert.equal(problemFrom(403, null, null).isForbidden, true)
})

for (const [ms, text] of [
  [null, '–'],
  [0, '0.0 ms'],
  [38.4, '38 ms'],
  [2100, '2.1 s'],
  [90_000, '90 s'],
  [3_600_000, '60 min'],
  [-5, '−5.0 ms'],
] as const) {
  test(`duration: ${ms} ms reads ${text}`, () => assert.equal(duration(ms), text))
}

test('numbers: have units, unknown is not zero', () => {
  assert.equal(count(1, 'view'), '1 view')
  assert.equal(count(1234, 'view'), '1,234 views')
  assert.equal(count(null, 'view'), '– views')
  assert.equal(rate(null), '–')
  assert.equal(rate(0), '0 /s')
  assert.equal(rate(0.04), '< 0.1 /s')
  assert.equal(age(400), '0.4 s ago')
  assert.equal(when(0, 3_600_000), '60 min ago')
  assert.equal(shortId('019c3f00-1111-7222-8333-444455557a21'), '019c3f…7a21')
})
