import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  arrowsOf,
  diffOf,
  hopsOf,
  isQuiet,
  pretty,
  storyOf,
  toJourney,
  toMarkdown,
} from './mappers.ts'

const at = (ms: number): string => new Date(1_763_757_885_000 + ms).toISOString()
const noWaits = {
  outboxMs: 4,
  brokerMs: null,
  retryMs: null,
  handlerMs: null,
  totalMs: null,
  isClockSkewed: false,
}

function journeyWith(consumption: Readonly<Record<string, unknown>> | null, production = {}) {
  return toJourney({
    id: 'x',
    kind: 'event',
    correlationIds: ['c'],
    state: 'done',
    beganAt: at(0),
    lastAt: at(30),
    durationMs: 30,
    services: ['shop', 'bank'],
    isCut: false,
    isClockSkewed: false,
    unreachable: [],
    steps: [
      {
        eventId: 'e',
        eventType: 'order_placed',
        topic: 'orders',
        aggregateType: 'order',
        aggregateId: '42',
        at: at(0),
        parentId: null,
        depth: 0,
        waits: noWaits,
        production: {
          database: 'shop',
          serviceName: 'shop',
          status: 'PUBLISHED',
          retryCount: 0,
          maxRetries: 5,
          partitionNumber: 1,
          offset: '7',
          createdAt: at(0),
          publishedAt: at(4),
          updatedAt: at(4),
          ...production,
        },
        consumptions:
          consumption === null
            ? []
            : [
                {
                  database: 'bank',
                  serviceName: 'bank',
                  consumerGroup: 'ledger',
                  status: 'PROCESSED',
                  attempts: 1,
                  retryCount: 0,
                  maxRetries: 2,
                  partitionNumber: 1,
                  offset: '7',
                  receivedAt: at(10),
                  processedAt: at(30),
                  updatedAt: at(30),
                  processingTimeMs: 5,
                  waits: {
                    outboxMs: 4,
                    brokerMs: 6,
                    retryMs: 15,
                    handlerMs: 5,
                    totalMs: 30,
                    isClockSkewed: false,
                  },
                  ...consumption,
                },
              ],
      },
    ],
  })
}

const storyLines = (
  consumption: Readonly<Record<string, unknown>> | null,
  production = {},
): string[] =>
  journeyWith(consumption, production).steps.flatMap((step) =>
    storyOf(step).map(({ text }) => text),
  )

test('story: written, published, received, handled, each with its time', () => {
  assert.deepEqual(storyLines({}), [
    'shop wrote order_placed about order 42, together with its own rows.',
    'After 4.0 ms in the outbox it was published to orders, partition 1, offset 7.',
    'ledger received it 6.0 ms later.',
    'ledger handled it in 5.0 ms, after 15 ms of waiting.',
  ])
})

for (const { name, repeats, line } of [
  {
    name: 'twice',
    repeats: { count: 1, firstAt: at(2_010), lastAt: at(2_010) },
    line: 'ledger got it 2 times: again 2.0 s after the first time, from orders, partition 1, offset 9. The repeat was skipped, since it knew the event.',
  },
  {
    name: 'often',
    repeats: { count: 12, firstAt: at(2_010), lastAt: at(60_010) },
    line: 'ledger got it 13 times: first again 2.0 s after the first time, last from orders, partition 1, offset 9. The repeats were skipped, since it knew the event.',
  },
  {
    name: 'twice, by clocks that differ',
    repeats: { count: 1, firstAt: at(0), lastAt: at(0) },
    line: 'ledger got it 2 times: again 0.0 ms after the first time, from orders, partition 1, offset 9. The repeat was skipped, since it knew the event.',
  },
])
  test(`story: an event that was delivered ${name} says so behind what became of it`, () => {
    const place = { topic: 'orders', partitionNumber: 1, offset: '9' }
    const [step] = journeyWith({ repeats: { ...repeats, ...place } }).steps
    assert.ok(step)
    const last = storyOf(step).at(-1)
    assert.deepEqual([last?.text, last?.atMs], [line, Date.parse(repeats.lastAt)])
  })

for (const { name, consumption, production, line } of [
  {
    name: 'not published',
    consumption: null,
    production: { status: 'PENDING', publishedAt: null },
    line: 'It waits in the outbox for the relay.',
  },
  {
    name: 'skipped',
    consumption: { status: 'SKIPPED' },
    production: {},
    line: 'ledger skipped it: already done, or of no use there.',
  },
  {
    name: 'failed',
    consumption: {
      status: 'FAILED',
      attempts: 3,
      errorClass: 'RangeError',
      errorMessage: 'no account\nmore',
    },
    production: {},
    line: 'ledger gave it up after 3 attempts: RangeError: no account.',
  },
  {
    name: 'between attempts',
    consumption: { status: 'RECEIVED', errorClass: 'Error', errorMessage: 'away' },
    production: {},
    line: 'Attempt 1 of 3 failed: Error: away; the next one follows.',
  },
])
  test(`story: ${name}`, () => assert.equal(storyLines(consumption, production).at(-1), line))

test('timeline: spans follow each other; what is not over reaches to the present', () => {
  const [hop] = hopsOf(journeyWith({}), 0)
  const begin = Date.parse(at(0))
  assert.deepEqual(
    hop?.spans.map((span) => [span.kind, span.beginMs - begin, span.endMs - begin, span.isOpen]),
    [
      ['outbox', 0, 4, false],
      ['broker', 4, 10, false],
      ['retry', 10, 25, false],
      ['handler', 25, 30, false],
    ],
  )
  const waiting = {
    status: 'RECEIVED',
    processedAt: null,
    waits: { outboxMs: 4, brokerMs: 6, isClockSkewed: false },
  }
  const [open] = hopsOf(journeyWith(waiting), begin + 100)
  assert.deepEqual(open?.spans.at(-1), {
    kind: 'retry',
    beginMs: begin + 10,
    endMs: begin + 100,
    isOpen: true,
  })
})

test('sequence: an event is on its topic before it is taken, whatever the clocks say', () => {
  const journey = journeyWith({ receivedAt: at(-50) })
  assert.deepEqual(
    arrowsOf(journey).map((arrow) => [arrow.from, arrow.to]),
    [
      ['shop', 'orders'],
      ['orders', 'ledger'],
    ],
  )
})

test('quiet: only when settled, and a while after the last change', () => {
  const journey = journeyWith({})
  assert.equal(isQuiet(journey, journey.lastAtMs + 1_000), false)
  assert.equal(isQuiet(journey, journey.lastAtMs + 60_000), true)
  assert.equal(isQuiet({ ...journey, state: 'under-way' }, journey.lastAtMs + 60_000), false)
})

test('payload: made readable without changing a digit', () => {
  const text = '{"big":12345678901234567890.10,"a":[],"b":[1,{"c":"x\\"{,"}],"d":{}}'
  assert.equal(
    pretty(text),
    '{\n  "big": 12345678901234567890.10,\n  "a": [],\n  "b": [\n    1,\n    {\n      "c": "x\\"{,"\n    }\n  ],\n  "d": {}\n}',
  )
  assert.equal(pretty('no json {'), 'no json {')
})

test('diff: lines alike stand there once', () => {
  assert.deepEqual(
    diffOf('a\nb\nc', 'a\nx\nc').map(({ mark, text }) => mark + text),
    [' a', '-b', '+x', ' c'],
  )
})

test('markdown: the story to paste', () => {
  assert.match(
    toMarkdown(journeyWith({})),
    /^Journey of `x`: done, 30 ms\n\n- \*\*order_placed\*\* `e`\n {2}- \d/,
  )
})
