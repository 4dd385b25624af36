import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startDiscussions, type Answer, type RunningDiscussions } from '../test/running-service.ts'

let service: RunningDiscussions
before(async () => {
  service = await startDiscussions()
})
after(() => service[Symbol.asyncDispose]())

const body = { courseId: 'qc/gates', title: 'A title', content: 'Some content' }

function open(
  key: string,
  more: { readonly user?: string; readonly title?: string } = {},
): Promise<Answer> {
  const { user = 'ada', title = body.title } = more
  const headers = { 'idempotency-key': key }
  return service.call('POST', '/threads', { user, body: { ...body, title }, headers })
}

test('a repeated POST gets the first answer to the letter, and makes nothing', async () => {
  const first = await open('once')
  const again = await open('"once"')
  assert.equal(first.status, 201)
  assert.equal(again.status, 201)
  assert.deepEqual(again.body, first.body)
  for (const name of ['location', 'x-event-id', 'content-type'])
    assert.equal(again.headers.get(name), first.headers.get(name), name)
  assert.equal(first.headers.get('idempotency-replayed'), null)
  assert.equal(again.headers.get('idempotency-replayed'), 'true')
  const { id = '' } = first.body as Record<string, string>
  assert.equal((await service.events(id)).length, 1)

  const path = `/threads/${id}/comments`
  const headers = { 'idempotency-key': 'c1' }
  const comments = await Promise.all(
    [1, 2].map(() => service.call('POST', path, { body: { content: 'hi' }, headers })),
  )
  const votes = [1, 2].map(() =>
    service.call('POST', `/threads/${id}/votes`, { user: 'bob', body: { value: 1 }, headers }),
  )
  for (const { status } of [...comments, ...(await Promise.all(votes))])
    assert.ok([200, 201, 409].includes(status), String(status))
  assert.equal((await service.events(id)).length, 3)
})

test('the key of another request is 422, of another user another key, and no key at all is as ever', async () => {
  assert.equal((await open('k2')).status, 201)
  const other = await open('k2', { title: 'Another title' })
  assert.equal(other.status, 422)
  assert.equal(other.body.code, 'MR_HTTP_IDEMPOTENCY_MISMATCH')
  const bob = await open('k2', { user: 'bob' })
  assert.equal(bob.status, 201)
  assert.equal(bob.headers.get('idempotency-replayed'), null)
  const plain = await Promise.all([1, 2].map(() => service.call('POST', '/threads', { body })))
  assert.notEqual(plain[0]?.eventId, plain[1]?.eventId)
  for (const key of ['', 'a b', 'k'.repeat(256)]) {
    const bad = await open(key)
    assert.equal(bad.status, 400, key)
    assert.equal(bad.body.errors?.[0]?.field, 'idempotency-key')
  }
})

test('many doubles at once: one thread, the others hear 409 with retry-after or get its answer', async () => {
  const answers = await Promise.all(
    Array.from({ length: 12 }, () => open('crowd', { title: 'Crowd' })),
  )
  const done = answers.filter((answer) => answer.status === 201)
  const told = answers.filter((answer) => answer.status === 409)
  assert.equal(done.length + told.length, 12)
  assert.equal(new Set(done.map((answer) => answer.eventId)).size, 1)
  for (const answer of told) {
    assert.equal(answer.body.code, 'MR_HTTP_IDEMPOTENCY_IN_PROGRESS')
    assert.equal(answer.headers.get('retry-after'), '1')
  }
  const made = await service.events()
  assert.equal(made.filter((event) => event.data['title'] === 'Crowd').length, 1)
})

test('a refused request leaves its key free', async () => {
  const headers = { 'idempotency-key': 'refused' }
  const path = '/threads/0190163d-8694-739b-aea5-966c26f8ad91/comments'
  for (let turn = 0; turn < 2; turn++) {
    const answer = await service.call('POST', path, { body: { content: 'hi' }, headers })
    assert.equal(answer.status, 404)
    assert.equal(answer.body.code, 'MR_DISCUSSIONS_THREAD_NOT_FOUND')
  }
})
