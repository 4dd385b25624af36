import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { isUuid } from '@millrace/core'
import { startDiscussions, type Answer, type RunningDiscussions } from '../test/running-service.ts'

let service: RunningDiscussions
before(async () => {
  service = await startDiscussions()
})
after(() => service[Symbol.asyncDispose]())

async function newThread(user = 'ada', courseId = 'qc/quantum-gate'): Promise<string> {
  const body = { courseId, title: 'A title', content: 'Some content' }
  const { status, body: thread } = await service.call('POST', '/threads', { user, body })
  assert.equal(status, 201)
  return thread['id'] ?? ''
}

async function newComment(threadId: string, user: string, parentId?: string): Promise<string> {
  const answer = await service.call('POST', `/threads/${threadId}/comments`, {
    user,
    body: { content: `by ${user}`, ...(parentId && { parentId }) },
  })
  assert.equal(answer.status, 201)
  return answer.body['id'] ?? ''
}

function read(threadId: string, user = 'ada'): Promise<Answer> {
  return service.call('GET', `/threads/${threadId}?track=false`, { user })
}

/** Types and versions of a thread's events, and that the versions ascend by one from 1. */
async function typesOf(threadId: string): Promise<readonly string[]> {
  const events = await service.events(threadId)
  assert.deepEqual(
    events.map((event) => event.aggregateVersion),
    events.map((_, index) => index + 1),
  )
  const ids = events.map((event) => event.eventId)
  assert.deepEqual(ids.toSorted(), ids, 'event ids ascend with the versions')
  return events.map((event) => event.eventType)
}

test('a thread: created with its event, found again, text kept to the letter', async () => {
  const body = {
    courseId: 'qc/quantum gate',
    title: `'); drop table thread; --`,
    content: '<script>alert(1)</script> 😀 \u202e \n\t "quotes"',
  }
  const correlationId = '0190163d-8694-739b-aea5-966c26f8ad91'
  const created = await service.call('POST', '/threads', {
    body,
    headers: { 'x-correlation-id': correlationId },
  })
  assert.equal(created.status, 201)
  assert.equal(created.headers.get('x-correlation-id'), correlationId)
  const { id, ...thread } = created.body as Record<string, unknown>
  assert.ok(isUuid(String(id)))
  assert.equal(created.headers.get('location'), `/api/discussions/threads/${String(id)}`)
  const { createdAt, ...rest } = thread
  assert.deepEqual(rest, {
    ...body,
    authorId: 'ada',
    editedAt: null,
    viewCount: 0,
    commentCount: 0,
    upvotes: 0,
    downvotes: 0,
    acceptCount: 0,
    favoriteCount: 0,
    myVote: null,
  })
  const found = await read(String(id))
  assert.deepEqual(found.body, { id, ...thread, comments: [] })

  const [event] = await service.events(String(id))
  assert.ok(event)
  assert.equal(event.eventId, created.eventId)
  assert.deepEqual(
    { ...event, eventId: '' },
    {
      eventId: '',
      eventType: 'thread_created',
      version: 1,
      timestamp: createdAt,
      correlationId,
      causationId: null,
      source: 'discussions',
      aggregateType: 'thread',
      aggregateId: id,
      aggregateVersion: 1,
      metadata: {},
      data: { threadId: id, courseId: body.courseId, authorId: 'ada', title: body.title },
    },
  )
})

test('reading counts a view and tells its event; track=false, HEAD and lists do not', async () => {
  const id = await newThread()
  const first = await service.call('GET', `/threads/${id}`, { user: 'grace' })
  assert.equal(first.body['viewCount'], 1)
  const second = await service.call('GET', `/threads/${id}`, { user: null })
  assert.equal(second.body['viewCount'], 2)
  const untracked = await read(id)
  assert.equal(untracked.body['viewCount'], 2)
  assert.equal(untracked.eventId, null)
  assert.equal((await service.call('HEAD', `/threads/${id}`)).status, 200)
  await service.call('GET', '/threads')
  const events = await service.events(id)
  assert.deepEqual(await typesOf(id), ['thread_created', 'thread_viewed', 'thread_viewed'])
  assert.deepEqual(
    events.slice(1).map((event) => [event.eventId, event.data]),
    [
      [first.eventId, { threadId: id, courseId: 'qc/quantum-gate', viewerId: 'grace', count: 1 }],
      [second.eventId, { threadId: id, courseId: 'qc/quantum-gate', viewerId: null, count: 1 }],
    ],
  )
})

test('comments: on the thread, on a comment, edited and deleted by their author alone', async () => {
  const id = await newThread()
  const first = await newComment(id, 'grace')
  const answer = await newComment(id, 'ada', first)
  const path = `/threads/${id}/comments/${first}`
  assert.equal((await service.call('PATCH', path, { body: { content: 'not mine' } })).status, 403)
  const edited = await service.call('PATCH', path, { user: 'grace', body: { content: 'better' } })
  assert.deepEqual([edited.status, edited.body['content']], [200, 'better'])
  assert.notEqual(edited.body['editedAt'], null)
  const same = await service.call('PATCH', path, { user: 'grace', body: { content: 'better' } })
  assert.deepEqual([same.status, same.eventId], [200, null])

  await service.call('POST', `${path}/votes`, { body: { value: 1 } })
  assert.equal((await service.call('DELETE', path)).status, 403)
  const deleted = await service.call('DELETE', path, { user: 'grace' })
  assert.equal(deleted.status, 204)
  assert.equal((await service.call('DELETE', path, { user: 'grace' })).status, 404)

  const { body } = await read(id)
  assert.equal(body['commentCount'], 1)
  const comments = body['comments'] as unknown as Record<string, unknown>[]
  assert.deepEqual(
    comments.map((comment) => [
      comment['id'],
      comment['isDeleted'],
      comment['content'],
      comment['authorId'],
      comment['upvotes'],
    ]),
    [
      [first, true, '', null, 0],
      [answer, false, 'by ada', 'ada', 0],
    ],
  )
  assert.deepEqual(await typesOf(id), [
    'thread_created',
    'comment_added',
    'comment_added',
    'comment_edited',
    'vote_cast',
    'comment_deleted',
  ])
  const events = await service.events(id)
  const added = events[1]
  assert.deepEqual(added?.data, {
    threadId: id,
    courseId: 'qc/quantum-gate',
    commentId: first,
    parentId: null,
    authorId: 'grace',
  })
  assert.equal(events[2]?.data['parentId'], first)
  assert.deepEqual(events[5]?.data, {
    threadId: id,
    courseId: 'qc/quantum-gate',
    commentId: first,
    authorId: 'grace',
    commentedAt: added?.timestamp,
    removedVotes: [{ day: events[4]?.timestamp.slice(0, 10), kind: 'up', count: 1 }],
  })

  await service.call('DELETE', `/threads/${id}/comments/${answer}`)
  const comment = await read(id)
  assert.equal(comment.body['commentCount'], 0)
})

test('votes: given, given again, changed, taken back; on threads and comments; by POST and PUT', async () => {
  const id = await newThread()
  const comment = await newComment(id, 'ada')
  for (const post of [`/threads/${id}/votes`, `/threads/${id}/comments/${comment}/votes`]) {
    const vote = async (method: string, value?: number): Promise<unknown[]> => {
      const { status, body, eventId } = await service.call(method, post, {
        user: 'grace',
        ...(value !== undefined && { body: { value } }),
      })
      return [status, body['upvotes'], body['downvotes'], body['myVote'], eventId !== null]
    }
    assert.deepEqual(await vote('DELETE'), [200, 0, 0, null, false])
    assert.deepEqual(await vote('POST', 1), [200, 1, 0, 1, true])
    assert.deepEqual(await vote('POST', 1), [200, 1, 0, 1, false])
    assert.deepEqual(await vote('PUT', -1), [200, 0, 1, -1, true])
    assert.deepEqual(await vote('DELETE'), [200, 0, 0, null, true])
    assert.deepEqual(await vote('DELETE'), [200, 0, 0, null, false])
    assert.deepEqual(await vote('PUT', -1), [200, 0, 1, -1, true])
  }
  const { body } = await read(id, 'grace')
  assert.deepEqual([body['upvotes'], body['downvotes'], body['myVote']], [0, 1, -1])
  assert.equal((await read(id, 'ada')).body['myVote'], null)

  const types = ['vote_cast', 'vote_cast', 'vote_withdrawn', 'vote_cast']
  assert.deepEqual(await typesOf(id), ['thread_created', 'comment_added', ...types, ...types])
  const [, , given, changed, withdrawn] = await service.events(id)
  const common = { threadId: id, courseId: 'qc/quantum-gate', postId: id, voterId: 'grace' }
  assert.deepEqual(given?.data, { ...common, kind: 'up', previous: null })
  assert.deepEqual(changed?.data, {
    ...common,
    kind: 'down',
    previous: { kind: 'up', castAt: given?.timestamp },
  })
  assert.deepEqual(withdrawn?.data, { ...common, kind: 'down', castAt: changed?.timestamp })
})

test('two and twenty vote at once: every vote counts once, versions have no gaps', async () => {
  const id = await newThread()
  const users = Array.from({ length: 22 }, (_, index) => `voter-${index}`)
  const answers = await Promise.all(
    users.flatMap((user) => [
      service.call('POST', `/threads/${id}/votes`, { user, body: { value: 1 } }),
      service.call('POST', `/threads/${id}/votes`, { user, body: { value: 1 } }),
      service.call('GET', `/threads/${id}`, { user }),
    ]),
  )
  assert.ok(answers.every((answer) => answer.status === 200))
  const { body } = await read(id)
  assert.deepEqual([body['upvotes'], body['viewCount']], [22, 22])
  assert.equal((await typesOf(id)).length, 1 + 22 + 22)
})

test('one person in two windows votes up and down at once: one vote stays, and the events say which', async () => {
  const id = await newThread()
  for (let round = 0; round < 10; round++) {
    await Promise.all(
      [1, -1, 1].map((value) =>
        service.call('POST', `/threads/${id}/votes`, { user: 'grace', body: { value } }),
      ),
    )
  }
  const { body } = await read(id, 'grace')
  assert.equal(Number(body['upvotes']) + Number(body['downvotes']), 1)
  await typesOf(id)
  let standing: unknown = null
  for (const event of (await service.events(id)).slice(1)) {
    const previous = event.data['previous'] as { kind: string } | null
    assert.equal(previous?.kind ?? null, standing)
    standing = event.data['kind']
  }
  assert.equal(standing, body['myVote'] === 1 ? 'up' : 'down')
})

test('a thread is changed and deleted by its author alone; deleted, it hides all that is in it', async () => {
  const id = await newThread()
  const comment = await newComment(id, 'grace')
  const path = `/threads/${id}`
  assert.equal(
    (await service.call('PATCH', path, { user: 'grace', body: { title: 'x' } })).status,
    403,
  )
  const edited = await service.call('PATCH', path, { body: { title: 'Another title' } })
  assert.deepEqual(
    [edited.body['title'], edited.body['content']],
    ['Another title', 'Some content'],
  )
  assert.equal((await service.call('PATCH', path, { body: {} })).eventId, null)
  assert.equal((await service.call('DELETE', path, { user: 'grace' })).status, 403)
  assert.equal((await service.call('DELETE', path)).status, 204)
  for (const [method, rest, body] of [
    ['GET', ''],
    ['GET', '?track=false'],
    ['PATCH', '', { title: 'x' }],
    ['DELETE', ''],
    ['POST', '/comments', { content: 'x' }],
    ['PATCH', `/comments/${comment}`, { content: 'x' }],
    ['DELETE', `/comments/${comment}`],
    ['POST', '/votes', { value: 1 }],
    ['DELETE', '/votes'],
    ['POST', `/comments/${comment}/votes`, { value: 1 }],
  ] as const) {
    const answer = await service.call(method, path + rest, { user: 'grace', body })
    assert.equal(answer.status, 404, `${method} ${rest}`)
  }
  const { body } = await service.call('GET', '/threads?limit=100')
  const items = body['items'] as unknown as { id: string }[]
  assert.ok(items.every((item) => item.id !== id))
  assert.deepEqual(await typesOf(id), [
    'thread_created',
    'comment_added',
    'thread_edited',
    'thread_deleted',
  ])
})

test('the list: newest first, by course, in pages that neither repeat nor skip', async () => {
  const ids: string[] = []
  for (let index = 0; index < 7; index++) ids.push(await newThread('ada', 'list/one'))
  const other = await newThread('ada', 'list/two')
  const seen: string[] = []
  let cursor: string | null = null
  do {
    const query: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`
    const { status, body } = await service.call(
      'GET',
      `/threads?courseId=list%2Fone&limit=3${query}`,
    )
    assert.equal(status, 200)
    seen.push(...(body['items'] as unknown as { id: string }[]).map((item) => item.id))
    cursor = body['nextCursor'] as unknown as string | null
    // A thread that comes between two pages belongs before the first.
    if (seen.length === 3) await newThread('ada', 'list/one')
  } while (cursor !== null)
  assert.deepEqual(seen, ids.toReversed())
  const { body } = await service.call('GET', '/threads?courseId=list%2Ftwo')
  assert.deepEqual(
    (body['items'] as unknown as { id: string }[]).map((item) => item.id),
    [other],
  )
})

test('a list holds the beginning of long contents', async () => {
  const body = { courseId: 'list/long', title: 'x', content: '😀'.repeat(301) }
  await service.call('POST', '/threads', { body })
  const { body: page } = await service.call('GET', '/threads?courseId=list%2Flong')
  const [item] = page['items'] as unknown as { content: string; isContentCut: boolean }[]
  assert.deepEqual([item?.content, item?.isContentCut], ['😀'.repeat(300), true])
})

test('the production log answers by event, correlation and aggregate; the figures follow it', async () => {
  const before = await service.call('GET', '/stats')
  const id = await newThread()
  const { eventId, headers } = await service.call('GET', `/threads/${id}`)
  const correlationId = headers.get('x-correlation-id') ?? ''
  for (const query of [
    `eventId=${eventId}`,
    `correlationId=${correlationId}`,
    `aggregateId=${id}&limit=1`,
  ]) {
    const { body } = await service.call('GET', `/events?${query}`)
    const items = body['items'] as unknown as Record<string, unknown>[]
    assert.equal(items.length, 1, query)
    assert.deepEqual(
      [items[0]?.['eventId'], items[0]?.['eventType'], items[0]?.['status'], items[0]?.['topic']],
      [eventId, 'thread_viewed', 'PENDING', 'discussion.events'],
    )
  }
  const stats = await service.call('GET', '/stats')
  assert.equal(Number(stats.body['eventsCreated']) - Number(before.body['eventsCreated']), 2)
  assert.equal(stats.body['published'], '0')
  assert.deepEqual(stats.body['relay']?.['isEnabled'], false)
  const metrics = await (await fetch(`${service.url}/metrics`)).text()
  for (const name of [
    'mr_outbox_pending',
    'mr_outbox_failed',
    'mr_outbox_oldest_pending_age_seconds',
    'mr_postgres_connections',
  ])
    assert.match(metrics, new RegExp(`^${name}`, 'm'))
})

test('operational routes: live, ready, and an API description with every route', async () => {
  for (const path of ['/health/live', '/health/ready', '/docs'])
    assert.equal((await fetch(service.url + path)).status, 200, path)
  const openapi = (await (await fetch(`${service.url}/openapi.json`)).json()) as { paths: object }
  assert.ok(
    Object.keys(openapi.paths).includes(
      '/api/discussions/threads/{threadId}/comments/{commentId}/votes',
    ),
  )
})
