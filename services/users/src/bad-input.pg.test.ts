import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  importToken,
  password,
  startUsers,
  type CallOptions,
  type RunningUsers,
} from '../test/running-users.ts'

let users: RunningUsers
before(async () => {
  users = await startUsers()
})
after(() => users[Symbol.asyncDispose]())

interface Case extends CallOptions {
  readonly name: string
  readonly method?: string
  readonly path: string
  readonly status?: number
  readonly code?: string
  /** Fields that the problem names. */
  readonly fields?: readonly string[]
}

const good = { name: 'Eve', email: 'eve@example.org', password }
const register = { method: 'POST', path: '/api/users' }
const signIn = { method: 'POST', path: '/api/sessions' }
const refresh = { method: 'POST', path: '/api/sessions/refresh' }
const change = { method: 'PATCH', path: '/api/users/ada', user: 'ada' }
const changePassword = { method: 'PUT', path: '/api/users/ada/password', user: 'ada' }
const list = { user: 'grace', roles: 'staff' }
const bearer = { authorization: `Bearer ${importToken}` }
const importing = { method: 'POST', path: '/api/users/import' }
const withPassword = (weak: string) => ({ ...good, password: weak })

const cases: readonly Case[] = [
  { name: 'nothing', ...register, body: {}, fields: ['email', 'name', 'password'] },
  { name: 'unknown field', ...register, body: { ...good, roles: ['admin'] }, fields: ['roles'] },
  { name: 'an id of one’s own', ...register, body: { ...good, id: 'ada' }, fields: ['id'] },
  {
    name: 'wrong types',
    ...register,
    body: { name: 1, email: [], password: {} },
    fields: ['email', 'name', 'password'],
  },
  { name: 'blank name', ...register, body: { ...good, name: ' \t ' }, fields: ['name'] },
  { name: 'long name', ...register, body: { ...good, name: 'x'.repeat(201) }, fields: ['name'] },
  { name: 'no address', ...register, body: { ...good, email: 'eve' }, fields: ['email'] },
  {
    name: 'blanks in the address',
    ...register,
    body: { ...good, email: 'eve @example.org' },
    fields: ['email'],
  },
  { name: 'two @', ...register, body: { ...good, email: 'eve@@example.org' }, fields: ['email'] },
  {
    name: 'long address',
    ...register,
    body: { ...good, email: `${'e'.repeat(250)}@x.org` },
    fields: ['email'],
  },
  {
    name: 'NUL in the name',
    ...register,
    body: { ...good, name: 'E\0ve' },
    code: 'MR_HTTP_UNSTORABLE_TEXT',
  },
  { name: 'short password', ...register, body: withPassword('Ab1!'), fields: ['password'] },
  { name: 'common password', ...register, body: withPassword('Password123'), fields: ['password'] },
  {
    name: 'the address as password',
    ...register,
    body: withPassword('eve@example.org'),
    fields: ['password'],
  },
  {
    name: 'endless password',
    ...register,
    body: withPassword('abcde'.repeat(1_000)),
    fields: ['password'],
  },
  {
    name: 'country that is none',
    ...register,
    body: { ...good, country: '' },
    fields: ['country'],
  },
  { name: 'malformed JSON', ...register, body: '{"name"', code: 'MR_HTTP_MALFORMED_JSON' },
  {
    name: 'another content type',
    ...register,
    body: 'name=Eve',
    headers: { 'content-type': 'text/plain' },
    status: 415,
    code: 'MR_HTTP_UNSUPPORTED_MEDIA_TYPE',
  },
  {
    name: 'a key that is none',
    ...register,
    body: good,
    headers: { 'idempotency-key': 'a b' },
    fields: ['idempotency-key'],
  },
  {
    name: 'wrong method',
    method: 'PUT',
    path: '/api/users',
    body: good,
    status: 405,
    code: 'MR_HTTP_METHOD_NOT_ALLOWED',
  },

  { name: 'sign-in with nothing', ...signIn, body: {}, fields: ['email', 'password'] },
  {
    name: 'sign-in with lists',
    ...signIn,
    body: { email: ['a@b'], password: [''] },
    fields: ['email', 'password'],
  },
  {
    name: 'sign-in with more',
    ...signIn,
    body: { email: 'a@b', password, role: 'admin' },
    fields: ['role'],
  },
  {
    name: 'sign-in with an endless password',
    ...signIn,
    body: { email: 'a@b', password: 'x'.repeat(401) },
    fields: ['password'],
  },
  { name: 'refresh with nothing', ...refresh, body: {}, fields: ['refreshToken'] },
  {
    name: 'refresh with an endless token',
    ...refresh,
    body: { refreshToken: 'x'.repeat(201) },
    fields: ['refreshToken'],
  },
  {
    name: 'refresh with a token of nobody',
    ...refresh,
    body: { refreshToken: 'x' },
    status: 401,
    code: 'MR_USERS_REFRESH_REFUSED',
  },
  {
    name: 'end with nothing',
    method: 'POST',
    path: '/api/sessions/end',
    body: {},
    fields: ['refreshToken'],
  },

  {
    name: 'change by nobody',
    method: 'PATCH',
    path: '/api/users/ada',
    body: { name: 'x' },
    status: 401,
    code: 'MR_HTTP_UNAUTHENTICATED',
  },
  {
    name: 'change of what cannot be',
    ...change,
    body: { email: 'new@example.org' },
    fields: ['email'],
  },
  { name: 'a blank name', ...change, body: { name: ' ' }, fields: ['name'] },
  { name: 'unknown role', ...change, body: { roles: ['root'] } },
  { name: 'a role twice', ...change, body: { roles: ['staff', 'staff'] } },
  {
    name: 'roles by a customer',
    ...change,
    body: { roles: ['admin'] },
    status: 403,
    code: 'MR_HTTP_FORBIDDEN',
  },
  {
    name: 'change of nobody',
    method: 'PATCH',
    path: '/api/users/nobody',
    user: 'barbara',
    roles: 'admin',
    body: { name: 'x' },
    status: 404,
    code: 'MR_USERS_NOT_FOUND',
  },
  {
    name: 'password of nobody',
    method: 'PUT',
    path: '/api/users/ghost/password',
    user: 'ghost',
    body: { currentPassword: password, newPassword: 'x' },
    status: 404,
    code: 'MR_USERS_NOT_FOUND',
  },
  {
    name: 'weak new password',
    ...changePassword,
    body: { currentPassword: password, newPassword: 'x' },
    fields: ['newPassword'],
  },
  {
    name: 'no current password',
    ...changePassword,
    body: { newPassword: 'another password' },
    fields: ['currentPassword'],
  },
  {
    name: 'password where there is none',
    ...changePassword,
    body: { currentPassword: password, newPassword: 'another password' },
    status: 403,
    code: 'MR_USERS_WRONG_PASSWORD',
  },

  { name: 'long id', path: `/api/users/${'x'.repeat(101)}`, user: 'ada', fields: ['id'] },
  { name: 'id of other bytes', path: '/api/users/%ff', user: 'ada', code: 'MR_HTTP_MALFORMED_URL' },
  {
    name: 'somebody else',
    path: '/api/users/grace',
    user: 'ada',
    status: 404,
    code: 'MR_USERS_NOT_FOUND',
  },
  {
    name: 'list by a customer',
    path: '/api/users',
    user: 'ada',
    status: 403,
    code: 'MR_HTTP_FORBIDDEN',
  },
  { name: 'page of 0', path: '/api/users?limit=0', ...list, fields: ['limit'] },
  { name: 'page of 101', path: '/api/users?limit=101', ...list, fields: ['limit'] },
  { name: 'unknown role to list', path: '/api/users?role=root', ...list, fields: ['role'] },
  { name: 'unknown parameter', path: '/api/users?sort=name', ...list, fields: ['sort'] },
  { name: 'cursor of nobody', path: '/api/users?cursor=garbage', ...list, fields: ['cursor'] },
  {
    name: 'cursor beyond time',
    path: `/api/users?cursor=${Buffer.from('99999999999999:x').toString('base64url')}`,
    ...list,
    fields: ['cursor'],
  },
  {
    name: 'cursor with NUL',
    path: `/api/users?cursor=${Buffer.from('1:a\0b').toString('base64url')}`,
    ...list,
    fields: ['cursor'],
  },

  {
    name: 'import without token',
    ...importing,
    body: { users: [] },
    status: 401,
    code: 'MR_HTTP_IMPORT_TOKEN',
  },
  {
    name: 'import with a wrong token',
    ...importing,
    body: { users: [] },
    headers: { authorization: 'Bearer wrong' },
    status: 401,
    code: 'MR_HTTP_IMPORT_TOKEN',
  },
  {
    name: 'import of nobody',
    ...importing,
    body: { users: [] },
    headers: bearer,
    fields: ['users'],
  },
  {
    name: 'import of too many',
    ...importing,
    body: { users: Array.from({ length: 501 }, (_, at) => ({ id: `${at}`, name: 'x' })) },
    headers: bearer,
    fields: ['users'],
  },
  {
    name: 'import with a password',
    ...importing,
    body: { users: [{ id: 'a', name: 'b', password }] },
    headers: bearer,
    fields: ['users[0].password'],
  },
  {
    name: 'import without a name',
    ...importing,
    body: { users: [{ id: 'a' }] },
    headers: bearer,
    fields: ['users[0].name'],
  },
]

/** Everything that could have changed; tries are counted whatever comes of them. */
async function state(): Promise<unknown> {
  const { rows } = await users.database.query(
    `select (select json_agg(p order by id)::text from person p) as people, (select count(*) from session) as sessions,
       (select count(*) from refresh_token) as tokens, (select count(*) from event_production_log) as events`,
  )
  return { ...rows[0] }
}

for (const {
  name,
  method = 'GET',
  path,
  status = 400,
  code = 'MR_HTTP_VALIDATION',
  fields,
  ...options
} of cases)
  test(`bad input: ${name} is ${status}, says why, and changes nothing`, async () => {
    const earlier = await state()
    const answer = await users.call(method, path, options)
    const told = JSON.stringify(answer.body)
    assert.deepEqual([answer.status, answer.body.code], [status, code], told)
    assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/)
    assert.ok((answer.body.detail ?? '').length > 10)
    if (fields)
      assert.deepEqual(
        (answer.body.errors ?? []).map((error) => error.field).toSorted(),
        fields,
        told,
      )
    assert.ok(!told.includes(password))
    assert.deepEqual(await state(), earlier)
  })

test('bad input: a service without import token takes no imports', async () => {
  await using closed = await startUsers({ importToken: null })
  const answer = await closed.call('POST', '/api/users/import', { body: {}, headers: bearer })
  assert.deepEqual([answer.status, answer.body.code], [403, 'MR_HTTP_IMPORT_CLOSED'])
})
