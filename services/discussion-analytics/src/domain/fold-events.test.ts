import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  commentAdded,
  commentDeleted,
  commentEdited,
  threadCreated,
  threadDeleted,
  threadEdited,
  threadViewed,
  voteCast,
  voteWithdrawn,
} from '@millrace/contracts'
import { uuidv7 } from '@millrace/core'
import { createEvent, type DataOf, type EventContract, type EventEnvelope } from '@millrace/events'
import { foldEvents, noCounts, type Counts, type ThreadChange } from './fold-events.ts'

const ids = { threadId: 't', courseId: 'c/1' }
const monday = '2026-01-05T10:00:00.000Z'
const tuesday = '2026-01-06T23:59:59.999Z'

function event<Contract extends EventContract>(
  contract: Contract,
  data: DataOf<Contract>,
  at = tuesday,
): EventEnvelope {
  return createEvent({
    contract,
    source: 'test',
    aggregateId: 't',
    aggregateVersion: null,
    data,
    context: { correlationId: uuidv7(), causationId: null },
    occurredAtMs: Date.parse(at),
  })
}

function changeOf(...events: readonly EventEnvelope[]): ThreadChange {
  const [change, ...more] = foldEvents(events)
  assert.ok(change)
  assert.equal(more.length, 0)
  return change
}

function counts(some: Partial<Counts>): Counts {
  return { ...noCounts(), ...some }
}

const mon = '2026-01-05'
const tue = '2026-01-06'
const rows: readonly {
  readonly name: string
  readonly events: readonly EventEnvelope[]
  readonly days?: Readonly<Record<string, Partial<Counts>>>
  readonly posts?: Readonly<Record<string, number>>
}[] = [
  {
    name: 'thread_created makes its author take part',
    events: [event(threadCreated, { ...ids, authorId: 'a', title: 'T' })],
    posts: { a: 1 },
  },
  {
    name: 'thread_created by an unknown author makes nobody take part',
    events: [event(threadCreated, { ...ids, authorId: null, title: 'T' })],
  },
  {
    name: 'thread_viewed counts its count on its day',
    events: [event(threadViewed, { ...ids, viewerId: 'v', count: 12 })],
    days: { [tue]: { views: 12 } },
  },
  {
    name: 'comment_added counts one and its author',
    events: [event(commentAdded, { ...ids, commentId: 'k', parentId: null, authorId: 'b' })],
    days: { [tue]: { comments: 1 } },
    posts: { b: 1 },
  },
  {
    name: 'comment_deleted takes back comment, post and votes, each on the day it had counted',
    events: [
      event(commentDeleted, {
        ...ids,
        commentId: 'k',
        authorId: 'b',
        commentedAt: monday,
        removedVotes: [
          { day: mon, kind: 'up', count: 2 },
          { day: tue, kind: 'down', count: 1 },
        ],
      }),
    ],
    days: { [mon]: { comments: -1, upvotes: -2 }, [tue]: { downvotes: -1 } },
    posts: { b: -1 },
  },
  {
    name: 'vote_cast counts its kind',
    events: (['up', 'down', 'accept', 'favorite'] as const).map((kind) =>
      event(voteCast, { ...ids, postId: 'k', voterId: 'v', kind, previous: null }),
    ),
    days: { [tue]: { upvotes: 1, downvotes: 1, accepts: 1, favorites: 1 } },
  },
  {
    name: 'vote_cast that replaces one takes that back on its day',
    events: [
      event(voteCast, {
        ...ids,
        postId: 'k',
        voterId: 'v',
        kind: 'down',
        previous: { kind: 'up', castAt: monday },
      }),
    ],
    days: { [mon]: { upvotes: -1 }, [tue]: { downvotes: 1 } },
  },
  {
    name: 'vote_withdrawn takes the vote back on the day it was cast',
    events: [
      event(voteWithdrawn, { ...ids, postId: 'k', voterId: 'v', kind: 'favorite', castAt: monday }),
    ],
    days: { [mon]: { favorites: -1 } },
  },
  {
    name: 'edits and deletion count nothing',
    events: [
      event(threadEdited, { ...ids, title: 'T2' }),
      event(commentEdited, { ...ids, commentId: 'k' }),
      event(threadDeleted, ids),
    ],
  },
  {
    name: 'a thing and its undo in one batch leave nothing',
    events: [
      event(commentAdded, { ...ids, commentId: 'k', parentId: null, authorId: 'b' }, monday),
      event(voteCast, { ...ids, postId: 'k', voterId: 'v', kind: 'up', previous: null }, monday),
      event(commentDeleted, {
        ...ids,
        commentId: 'k',
        authorId: 'b',
        commentedAt: monday,
        removedVotes: [{ day: mon, kind: 'up', count: 1 }],
      }),
    ],
    days: { [mon]: {} },
    posts: { b: 0 },
  },
]
for (const row of rows)
  test(`fold: ${row.name}`, () => {
    const change = changeOf(...row.events)
    const days = Object.fromEntries(
      Object.entries(row.days ?? {}).map(([day, some]) => [day, counts(some)]),
    )
    assert.deepEqual(Object.fromEntries(change.days), days)
    assert.deepEqual(Object.fromEntries(change.posts), row.posts ?? {})
    const total = noCounts()
    for (const each of Object.values(days))
      for (const key of Object.keys(total) as (keyof Counts)[]) total[key] += each[key]
    assert.deepEqual(change.total, total)
  })

test('fold: title, deletion and last activity; events of an unknown type change nothing', () => {
  const change = changeOf(
    event(threadCreated, { ...ids, authorId: null, title: 'First' }, tuesday),
    event(threadEdited, { ...ids, title: 'Second' }, monday),
    event(threadDeleted, ids, monday),
    {
      ...event(threadDeleted, ids),
      eventType: 'thread_pinned',
      timestamp: '2030-01-01T00:00:00.000Z',
    },
  )
  assert.equal(change.title, 'Second')
  assert.equal(change.isDeleted, true)
  assert.equal(change.lastActivityMs, Date.parse(tuesday))
})

test('fold: threads are kept apart, and a batch in two halves sums to the same', () => {
  const view = (threadId: string, count: number): EventEnvelope =>
    event(threadViewed, { threadId, courseId: 'c', viewerId: null, count })
  const events = [view('a', 1), view('b', 2), view('a', 4)]
  assert.deepEqual(
    foldEvents(events).map((each) => [each.threadId, each.total.views]),
    [
      ['a', 5],
      ['b', 2],
    ],
  )
})

for (const time of [
  'not a time at all at all',
  '0001-01-01T00:00:00.000Z',
  '+020000-01-01T00:00:00.000Z',
])
  test(`fold: ${time} is refused by name`, () => {
    const bad = { ...event(threadDeleted, ids), timestamp: time }
    assert.throws(() => foldEvents([bad]), { code: 'MR_ANALYTICS_BAD_TIME' })
  })
