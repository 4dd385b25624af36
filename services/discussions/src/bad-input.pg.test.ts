import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { importToken, startDiscussions, type RunningDiscussions } from '../test/running-service.ts'

let service: RunningDiscussions
let threadId = ''
let commentId = ''
before(async () => {
  service = await startDiscussions()
  const thread = await service.call('POST', '/threads', { body: good })
  threadId = thread.body['id'] ?? ''
  const comment = await service.call('POST', `/threads/${threadId}/comments`, {
    body: { content: 'x' },
  })
  commentId = comment.body['id'] ?? ''
})
after(() => service[Symbol.asyncDispose]())

const good = { courseId: 'c', title: 't', content: 'x' }
const unknownId = '0190163d-8694-739b-aea5-966c26f8ad91'

interface Case {
  readonly name: string
  readonly method?: string
  readonly path: string | (() => string)
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly user?: string | null
  readonly status: number
  readonly code: string
  /** Fields that the problem names. */
  readonly fields?: readonly string[]
}

const validation = { status: 400, code: 'MR_HTTP_VALIDATION' }
const threads = { method: 'POST', path: '/threads' }
const votes = { method: 'POST', path: () => `/threads/${threadId}/votes` }
const comments = { method: 'POST', path: () => `/threads/${threadId}/comments` }
const utf8 = (text: string): Buffer => Buffer.from(text, 'utf8')

const cases: readonly Case[] = [
  {
    name: 'unknown field',
    ...threads,
    body: { ...good, isAdmin: true },
    ...validation,
    fields: ['isAdmin'],
  },
  {
    name: 'missing fields, all named',
    ...threads,
    body: {},
    ...validation,
    fields: ['courseId', 'title', 'content'],
  },
  {
    name: 'wrong types, not coerced',
    ...threads,
    body: { courseId: 42, title: null, content: ['x'] },
    ...validation,
    fields: ['courseId', 'title', 'content'],
  },
  { name: 'body that is a list', ...threads, body: [good], ...validation },
  {
    name: 'empty title',
    ...threads,
    body: { ...good, title: '' },
    ...validation,
    fields: ['title'],
  },
  {
    name: 'blank title',
    ...threads,
    body: { ...good, title: ' \n\t ' },
    ...validation,
    fields: ['title'],
  },
  {
    name: 'courseId too long',
    ...threads,
    body: { ...good, courseId: 'c'.repeat(201) },
    ...validation,
    fields: ['courseId'],
  },
  {
    name: 'title too long',
    ...threads,
    body: { ...good, title: 't'.repeat(301) },
    ...validation,
    fields: ['title'],
  },
  {
    name: 'content too long',
    ...threads,
    body: { ...good, content: 'x'.repeat(20_001) },
    ...validation,
    fields: ['content'],
  },
  {
    name: 'body of 1 MB',
    ...threads,
    body: { ...good, content: 'x'.repeat(1_000_000) },
    status: 413,
    code: 'MR_HTTP_BODY_TOO_LARGE',
  },
  {
    name: 'malformed JSON',
    ...threads,
    body: '{"courseId": "c", ',
    status: 400,
    code: 'MR_HTTP_MALFORMED_JSON',
  },
  { name: 'empty body', ...threads, body: '', status: 400, code: 'MR_HTTP_MALFORMED_JSON' },
  { name: 'no body at all', ...threads, ...validation },
  {
    name: 'wrong content type',
    ...threads,
    body: 'title=t',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    status: 415,
    code: 'MR_HTTP_UNSUPPORTED_MEDIA_TYPE',
  },
  {
    name: 'plain text',
    ...threads,
    body: JSON.stringify(good),
    headers: { 'content-type': 'text/plain' },
    status: 415,
    code: 'MR_HTTP_UNSUPPORTED_MEDIA_TYPE',
  },
  {
    name: 'another charset',
    ...threads,
    body: JSON.stringify(good),
    headers: { 'content-type': 'application/json; charset=utf-16' },
    status: 415,
    code: 'MR_HTTP_UNSUPPORTED_MEDIA_TYPE',
  },
  {
    name: 'invalid UTF-8',
    ...threads,
    body: Buffer.concat([
      utf8('{"courseId":"c","title":"t","content":"'),
      Buffer.from([0xc3, 0x28]),
      utf8('"}'),
    ]),
    status: 400,
    code: 'MR_HTTP_INVALID_UTF8',
  },
  {
    name: 'NUL in text',
    ...threads,
    body: { ...good, content: 'a\0b' },
    status: 400,
    code: 'MR_HTTP_UNSTORABLE_TEXT',
    fields: ['content'],
  },
  {
    name: 'half a surrogate pair',
    ...threads,
    body: '{"courseId":"c","title":"\\ud800","content":"x"}',
    status: 400,
    code: 'MR_HTTP_UNSTORABLE_TEXT',
    fields: ['title'],
  },
  {
    name: 'prototype in JSON',
    ...threads,
    body: '{"courseId":"c","title":"t","content":"x","__proto__":{"a":1}}',
    status: 400,
    code: 'MR_HTTP_MALFORMED_JSON',
  },
  {
    name: 'nobody',
    ...threads,
    body: good,
    user: null,
    status: 401,
    code: 'MR_HTTP_UNAUTHENTICATED',
  },
  { name: 'vote 2', ...votes, body: { value: 2 }, ...validation, fields: ['value'] },
  { name: 'vote 0', ...votes, body: { value: 0 }, ...validation, fields: ['value'] },
  { name: 'vote "1"', ...votes, body: { value: '1' }, ...validation, fields: ['value'] },
  {
    name: 'vote with a voter',
    ...votes,
    body: { value: 1, voterId: 'eve' },
    ...validation,
    fields: ['voterId'],
  },
  {
    name: 'anonymous vote',
    ...votes,
    body: { value: 1 },
    user: null,
    status: 401,
    code: 'MR_HTTP_UNAUTHENTICATED',
  },
  { name: 'comment without content', ...comments, body: {}, ...validation, fields: ['content'] },
  {
    name: 'blank comment',
    ...comments,
    body: { content: '  ' },
    ...validation,
    fields: ['content'],
  },
  {
    name: 'parent of a wrong type',
    ...comments,
    body: { content: 'x', parentId: 7 },
    ...validation,
    fields: ['parentId'],
  },
  {
    name: 'unknown parent',
    ...comments,
    body: { content: 'x', parentId: unknownId },
    status: 404,
    code: 'MR_DISCUSSIONS_PARENT_NOT_FOUND',
    fields: ['parentId'],
  },
  {
    name: 'the thread as parent',
    ...comments,
    body: { content: 'x', parentId: 'THREAD' },
    status: 404,
    code: 'MR_DISCUSSIONS_PARENT_NOT_FOUND',
    fields: ['parentId'],
  },
  {
    name: 'unknown thread',
    path: `/threads/${unknownId}`,
    status: 404,
    code: 'MR_DISCUSSIONS_THREAD_NOT_FOUND',
  },
  {
    name: 'unknown thread, untracked',
    path: '/threads/nope?track=false',
    status: 404,
    code: 'MR_DISCUSSIONS_THREAD_NOT_FOUND',
  },
  {
    name: 'vote on an unknown thread',
    method: 'POST',
    path: '/threads/nope/votes',
    body: { value: 1 },
    status: 404,
    code: 'MR_DISCUSSIONS_THREAD_NOT_FOUND',
  },
  {
    name: 'comment on an unknown thread',
    method: 'POST',
    path: '/threads/nope/comments',
    body: { content: 'x' },
    status: 404,
    code: 'MR_DISCUSSIONS_THREAD_NOT_FOUND',
  },
  {
    name: 'vote on an unknown comment',
    method: 'POST',
    path: () => `/threads/${threadId}/comments/nope/votes`,
    body: { value: 1 },
    status: 404,
    code: 'MR_DISCUSSIONS_COMMENT_NOT_FOUND',
  },
  {
    name: 'vote on a comment under another thread',
    method: 'POST',
    path: () => `/threads/nope/comments/${commentId}/votes`,
    body: { value: 1 },
    status: 404,
    code: 'MR_DISCUSSIONS_THREAD_NOT_FOUND',
  },
  {
    name: 'edit of an unknown comment',
    method: 'PATCH',
    path: () => `/threads/${threadId}/comments/nope`,
    body: { content: 'x' },
    status: 404,
    code: 'MR_DISCUSSIONS_COMMENT_NOT_FOUND',
  },
  {
    name: 'edit by another',
    method: 'PATCH',
    path: () => `/threads/${threadId}`,
    body: { title: 'x' },
    user: 'eve',
    status: 403,
    code: 'MR_DISCUSSIONS_NOT_AUTHOR',
  },
  {
    name: 'delete by another',
    method: 'DELETE',
    path: () => `/threads/${threadId}/comments/${commentId}`,
    user: 'eve',
    status: 403,
    code: 'MR_DISCUSSIONS_NOT_AUTHOR',
  },
  {
    name: 'SQL in an id',
    path: `/threads/${encodeURIComponent(`' or 1=1 --`)}?track=false`,
    status: 404,
    code: 'MR_DISCUSSIONS_THREAD_NOT_FOUND',
  },
  { name: 'id too long', path: `/threads/${'x'.repeat(101)}`, ...validation, fields: ['threadId'] },
  { name: 'NUL in an id', path: '/threads/a%00b', status: 400, code: 'MR_HTTP_MALFORMED_URL' },
  {
    name: 'broken percent-encoding',
    path: '/threads/%zz',
    status: 400,
    code: 'MR_HTTP_MALFORMED_URL',
  },
  {
    name: 'track that is no boolean',
    path: () => `/threads/${threadId}?track=perhaps`,
    ...validation,
    fields: ['track'],
  },
  { name: 'unknown query parameter', path: '/threads?course=x', ...validation, fields: ['course'] },
  { name: 'limit 0', path: '/threads?limit=0', ...validation, fields: ['limit'] },
  { name: 'limit 101', path: '/threads?limit=101', ...validation, fields: ['limit'] },
  { name: 'limit as text', path: '/threads?limit=many', ...validation, fields: ['limit'] },
  { name: 'cursor garbage', path: '/threads?cursor=garbage', ...validation, fields: ['cursor'] },
  {
    name: 'cursor of other bytes',
    path: '/threads?cursor=%F0%9F%98%80',
    ...validation,
    fields: ['cursor'],
  },
  {
    name: 'cursor beyond time',
    path: `/threads?cursor=${Buffer.from('9999999999999999:x').toString('base64url')}`,
    ...validation,
    fields: ['cursor'],
  },
  {
    name: 'cursor before the calendar of Postgres',
    path: `/threads?cursor=${Buffer.from('-8640000000000000:x').toString('base64url')}`,
    ...validation,
    fields: ['cursor'],
  },
  {
    name: 'cursor with NUL',
    path: `/threads?cursor=${Buffer.from('1:a\0b').toString('base64url')}`,
    ...validation,
    fields: ['cursor'],
  },
  { name: 'empty cursor', path: '/threads?cursor=', ...validation, fields: ['cursor'] },
  {
    name: 'event id that is none',
    path: '/events?eventId=nope',
    ...validation,
    fields: ['eventId'],
  },
  { name: 'unknown route', path: '/nothing', status: 404, code: 'MR_HTTP_NO_ROUTE' },
  {
    name: 'wrong method',
    method: 'PUT',
    path: '/threads',
    body: good,
    status: 405,
    code: 'MR_HTTP_METHOD_NOT_ALLOWED',
  },
  {
    name: 'import without token',
    method: 'POST',
    path: '/import',
    body: { lines: [{}] },
    status: 401,
    code: 'MR_DISCUSSIONS_IMPORT_TOKEN',
  },
  {
    name: 'import with a wrong token',
    method: 'POST',
    path: '/import',
    body: { lines: [{}] },
    headers: { authorization: 'Bearer wrong' },
    status: 401,
    code: 'MR_DISCUSSIONS_IMPORT_TOKEN',
  },
  {
    name: 'import of nothing',
    method: 'POST',
    path: '/import',
    body: { lines: [] },
    headers: { authorization: `Bearer ${importToken}` },
    ...validation,
    fields: ['lines'],
  },
  {
    name: 'import of too many lines',
    method: 'POST',
    path: '/import',
    body: { lines: Array.from({ length: 501 }, () => 1) },
    headers: { authorization: `Bearer ${importToken}` },
    ...validation,
    fields: ['lines'],
  },
  {
    name: 'import of malformed JSON',
    method: 'POST',
    path: '/import',
    body: '{"lines": [',
    headers: { authorization: `Bearer ${importToken}` },
    status: 400,
    code: 'MR_HTTP_MALFORMED_JSON',
  },
  {
    name: 'import of invalid UTF-8',
    method: 'POST',
    path: '/import',
    body: Buffer.from([0x22, 0xff, 0x22]),
    headers: { authorization: `Bearer ${importToken}` },
    status: 400,
    code: 'MR_HTTP_INVALID_UTF8',
  },
]

/** Everything that could have changed. */
async function state(): Promise<unknown> {
  const { rows } = await service.database.query(
    `select (select count(*) from thread) as threads, (select count(*) from comment) as comments,
       (select count(*) from vote) as votes, (select sum(version) from thread) as versions,
       (select count(*) from event_production_log) as events, (select count(*) from import_line) as lines`,
  )
  return { ...rows[0] }
}

for (const { name, method = 'GET', path, body, headers, user, status, code, fields } of cases) {
  test(`bad input: ${name} is ${status}, says why, and changes nothing`, async () => {
    const before = await state()
    const url = typeof path === 'string' ? path : path()
    const sent =
      (body as { parentId?: unknown } | undefined)?.parentId === 'THREAD'
        ? { content: 'x', parentId: threadId }
        : body
    const answer = await service.call(method, url, {
      ...(user !== undefined && { user }),
      ...(headers && { headers }),
      ...(sent !== undefined && { body: sent }),
    })
    assert.deepEqual([answer.status, answer.body.code], [status, code], JSON.stringify(answer.body))
    assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/)
    assert.equal(answer.body.status, status)
    assert.ok(answer.body.detail.length > 10)
    assert.ok(answer.body.correlationId)
    if (fields)
      assert.deepEqual(
        (answer.body.errors ?? []).map((error) => error.field).toSorted(),
        fields.toSorted(),
      )
    assert.equal(answer.eventId, null)
    assert.deepEqual(await state(), before)
  })
}
