import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { importToken, startDiscussions, type RunningDiscussions } from '../test/running-service.ts'
import type { LineResult } from './import-batch.ts'

let service: RunningDiscussions
before(async () => {
  service = await startDiscussions()
})
after(() => service[Symbol.asyncDispose]())

const at = '2018-03-12T17:00:45.567Z'

async function send(lines: readonly unknown[]): Promise<readonly LineResult[]> {
  const answer = await service.call('POST', '/import', {
    user: null,
    body: { lines },
    headers: { authorization: `Bearer ${importToken}` },
  })
  assert.equal(answer.status, 200, JSON.stringify(answer.body))
  return answer.body['results'] as unknown as readonly LineResult[]
}

function thread(id: string, rest: object = {}): object {
  return {
    type: 'thread',
    id,
    parentId: null,
    threadId: id,
    course: 'qc/x',
    author: 'ada',
    createdAt: at,
    title: 'T',
    body: 'B',
    score: 3,
    tags: ['x'],
    ...rest,
  }
}
function comment(id: string, threadId: string, rest: object = {}): object {
  return {
    type: 'comment',
    kind: 'comment',
    id,
    parentId: threadId,
    threadId,
    course: 'qc/x',
    author: 'bob',
    createdAt: at,
    body: 'C',
    ...rest,
  }
}
function vote(id: string, threadId: string, rest: object = {}): object {
  return {
    type: 'vote',
    vote: 'up',
    id,
    parentId: threadId,
    threadId,
    course: 'qc/x',
    author: null,
    createdAt: '2018-03-12T00:00:00.000Z',
    value: 1,
    precision: 'day',
    ...rest,
  }
}
function view(id: string, threadId: string, count: number): object {
  return {
    type: 'view',
    id,
    parentId: threadId,
    threadId,
    course: 'qc/x',
    author: null,
    createdAt: at,
    count,
    aggregated: true,
  }
}

/** What a reader sees of a thread, without the times of the service. */
async function seen(id: string): Promise<Record<string, unknown>> {
  return (await service.call('GET', `/threads/${id}?track=false`)).body
}

const file = [
  thread('i-q1'),
  comment('i-a1', 'i-q1', { kind: 'answer', author: null }),
  comment('i-c1', 'i-q1', { parentId: 'i-a1' }),
  vote('i-v1', 'i-q1'),
  vote('i-v2', 'i-q1'),
  vote('i-v3', 'i-q1', { vote: 'down', parentId: 'i-a1', value: -1 }),
  vote('i-v4', 'i-q1', { vote: 'accept', parentId: 'i-a1' }),
  vote('i-v5', 'i-q1', { vote: 'favorite', author: 'carl' }),
  vote('i-v6', 'i-q1', { author: 'carl' }),
  view('i-w1', 'i-q1', 1163),
]

test('import: keeps ids, authors and times, counts votes without voters, accept and favorite apart', async () => {
  const results = await send(file)
  assert.deepEqual(
    results,
    file.map((line) => ({ id: (line as { id: string }).id, result: 'created' })),
  )
  const { comments, ...rest } = await seen('i-q1')
  assert.deepEqual(rest, {
    id: 'i-q1',
    courseId: 'qc/x',
    authorId: 'ada',
    title: 'T',
    content: 'B',
    createdAt: at,
    editedAt: null,
    viewCount: 1163,
    commentCount: 2,
    upvotes: 3,
    downvotes: 0,
    acceptCount: 0,
    favoriteCount: 1,
    myVote: null,
  })
  const [answer, reply] = comments as Record<string, unknown>[]
  assert.deepEqual(
    [
      answer?.['kind'],
      answer?.['authorId'],
      answer?.['parentId'],
      answer?.['downvotes'],
      answer?.['acceptCount'],
      answer?.['upvotes'],
    ],
    ['answer', null, null, 1, 1, 0],
  )
  assert.deepEqual(
    [reply?.['id'], reply?.['parentId'], reply?.['authorId']],
    ['i-c1', 'i-a1', 'bob'],
  )

  const events = await service.events('i-q1')
  assert.deepEqual(
    events.map((event) => [event.eventType, event.aggregateVersion, event.timestamp]),
    [
      'thread_created',
      'comment_added',
      'comment_added',
      ...Array<string>(6).fill('vote_cast'),
      'thread_viewed',
    ].map((type, index) => [
      type,
      index + 1,
      type === 'vote_cast' ? '2018-03-12T00:00:00.000Z' : at,
    ]),
  )
  assert.deepEqual(events.at(6)?.data, {
    threadId: 'i-q1',
    courseId: 'qc/x',
    postId: 'i-a1',
    voterId: null,
    kind: 'accept',
    previous: null,
  })
  assert.deepEqual(events.at(-1)?.data, {
    threadId: 'i-q1',
    courseId: 'qc/x',
    viewerId: null,
    count: 1163,
  })
})

test('import: run again, whole or in other batches, it doubles nothing and makes no event', async () => {
  const before = [await seen('i-q1'), (await service.events()).length]
  assert.ok((await send(file)).every((line) => line.result === 'exists'))
  for (const line of file) assert.equal((await send([line]))[0]?.result, 'exists')
  assert.deepEqual([await seen('i-q1'), (await service.events()).length], before)
})

test('import: the same line twice in one batch is taken once', async () => {
  const results = await send([
    thread('i-q2'),
    view('i-w2', 'i-q2', 5),
    view('i-w2', 'i-q2', 5),
    thread('i-q2'),
  ])
  assert.deepEqual(
    results.map((line) => line.result),
    ['created', 'created', 'exists', 'exists'],
  )
  assert.equal((await seen('i-q2'))['viewCount'], 5)
})

test('import: bad lines are refused with reasons, and the others are taken', async () => {
  const cases: readonly (readonly [unknown, RegExp])[] = [
    ['a text', /not a JSON object/],
    [null, /not a JSON object/],
    [{ type: 'message', id: 'b1' }, /type must be one of/],
    [{ type: '__proto__', id: 'b1' }, /type must be one of/],
    [thread('b2', { course: undefined }), /course/],
    [thread('b3', { title: 'x'.repeat(301) }), /title/],
    [thread('b4', { createdAt: 'yesterday' }), /createdAt/],
    [thread('b5', { createdAt: '2018-13-45T00:00:00.000Z' }), /createdAt is no time/],
    [thread('b17', { createdAt: '2018-02-30T00:00:00.000Z' }), /createdAt is no time/],
    [thread('b18', { createdAt: '0000-01-01T00:00:00.000Z' }), /createdAt is no time/],
    [thread('b6', { threadId: 'another' }), /must be its id/],
    [thread('b7', { body: 'a\0b' }), /body holds U\+0000/],
    [thread('b\0', {}), /holds U\+0000/],
    [comment('b8', 'nowhere'), /thread is unknown/],
    [comment('b9', 'i-q1', { parentId: 'nowhere' }), /parent is unknown/],
    [comment('b10', 'i-q1', { kind: 'poem' }), /kind/],
    [vote('b11', 'i-q1', { vote: 'sideways' }), /vote/],
    [vote('b12', 'i-q1', { parentId: 'i-c-none' }), /post it belongs to is unknown/],
    [vote('b13', 'i-q1', { author: 'carl', vote: 'down' }), /voted on this post already/],
    [vote('b14', 'i-q1', { author: 'carl', vote: 'favorite' }), /voted on this post already/],
    [view('b15', 'i-q1', 0), /count/],
    [view('b16', 'i-q1', 1.5), /count/],
  ]
  const results = await send([
    thread('i-q3'),
    ...cases.map(([line]) => line),
    comment('i-c3', 'i-q3'),
  ])
  assert.deepEqual([results[0]?.result, results.at(-1)?.result], ['created', 'created'])
  for (const [index, [line, reason]] of cases.entries()) {
    const result = results[index + 1]
    assert.equal(result?.result, 'refused', JSON.stringify(line))
    assert.match(result?.reason ?? '', reason)
  }
  assert.equal((await seen('i-q3'))['commentCount'], 1)
  assert.deepEqual(
    (await service.events('i-q3')).map((event) => event.eventType),
    ['thread_created', 'comment_added'],
  )
})

test('import: a thread cannot have the id of a comment, since votes tell posts by their ids', async () => {
  await send([thread('i-q6')])
  const { body } = await service.call('POST', '/threads/i-q6/comments', {
    user: 'bob',
    body: { content: 'C' },
  })
  const commentId = String(body['id'])
  assert.equal((await send([thread(commentId)]))[0]?.result, 'exists')
  assert.equal((await service.call('GET', `/threads/${commentId}`)).status, 404)
  assert.equal((await send([vote('i-v6b', 'i-q6', { parentId: commentId })]))[0]?.result, 'created')
})

test('import: threads a few microseconds apart are all found page by page', async () => {
  const course = 'i-micro'
  await send(
    ['123001', '123400', '123456'].map((micros) =>
      thread(`i-m${micros}`, { course, createdAt: `2018-03-12T17:00:45.${micros}Z` }),
    ),
  )
  const ids: unknown[] = []
  for (let place: string | null = ''; place !== null;) {
    const page = await service.call('GET', `/threads?courseId=${course}&limit=1${place}`)
    const { items, nextCursor } = page.body as unknown as {
      readonly items: readonly { readonly id: string }[]
      readonly nextCursor: string | null
    }
    ids.push(...items.map((item) => item.id))
    place = nextCursor && `&cursor=${nextCursor}`
  }
  assert.deepEqual(ids, ['i-m123456', 'i-m123400', 'i-m123001'])
})

test('import: refused for an unknown thread, a line is taken once the thread is there', async () => {
  assert.equal((await send([comment('i-c4', 'i-q4')]))[0]?.result, 'refused')
  assert.deepEqual(
    (await send([thread('i-q4'), comment('i-c4', 'i-q4')])).map((line) => line.result),
    ['created', 'created'],
  )
})

test('import: what was deleted or withdrawn since does not come back', async () => {
  await send([thread('i-q5'), comment('i-c5', 'i-q5'), vote('i-v5b', 'i-q5', { author: 'carl' })])
  await service.call('DELETE', '/threads/i-q5/votes', { user: 'carl' })
  await service.call('DELETE', '/threads/i-q5/comments/i-c5', { user: 'bob' })
  const again = [thread('i-q5'), comment('i-c5', 'i-q5'), vote('i-v5b', 'i-q5', { author: 'carl' })]
  assert.ok((await send(again)).every((line) => line.result === 'exists'))
  await service.call('DELETE', '/threads/i-q5', { user: 'ada' })
  assert.ok((await send(again)).every((line) => line.result === 'exists'))
  assert.equal((await send([comment('i-c6', 'i-q5')]))[0]?.result, 'refused')
})

test('import: two imports of one file at once, and public writers meanwhile, double nothing and keep versions whole', async () => {
  const ids = Array.from({ length: 20 }, (_, index) => `i-p${index}`)
  const lines = ids.flatMap((id) => [thread(id), vote(`${id}-v`, id), view(`${id}-w`, id, 3)])
  await send(ids.slice(0, 5).map((id) => thread(id)))
  const answers = await Promise.all([
    send(lines),
    send(
      lines
        .toReversed()
        .filter((line) => (line as { type: string }).type === 'thread')
        .concat(lines),
    ),
    ...ids
      .slice(0, 5)
      .map((id) =>
        service.call('POST', `/threads/${id}/votes`, { user: 'dora', body: { value: 1 } }),
      ),
  ])
  assert.equal(answers.length, 7)
  for (const [index, id] of ids.entries()) {
    const state = await seen(id)
    assert.deepEqual([state['viewCount'], state['upvotes']], [3, index < 5 ? 2 : 1], id)
    const versions = (await service.events(id)).map((event) => event.aggregateVersion)
    assert.deepEqual(
      versions,
      versions.map((_, at) => at + 1),
    )
  }
})
