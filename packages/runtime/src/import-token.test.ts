import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FastifyRequest } from 'fastify'
import { checkImportToken } from './import-token.ts'

const token = 'a-token-of-tests-only'

const requestWith = (authorization?: string): FastifyRequest =>
  ({ headers: { authorization } }) as unknown as FastifyRequest

test('import token: the right one passes, whatever the case of its scheme', () => {
  checkImportToken(requestWith(`Bearer ${token}`), token)
  checkImportToken(requestWith(`bearer  ${token}`), token)
})

for (const authorization of [
  undefined,
  '',
  token,
  `Basic ${token}`,
  'Bearer',
  `Bearer ${token}x`,
  `Bearer ${token} x`,
])
  test(`import token: ${JSON.stringify(authorization)} is refused`, () => {
    assert.throws(() => checkImportToken(requestWith(authorization), token), {
      code: 'MR_HTTP_IMPORT_TOKEN',
      status: 401,
    })
  })

test('import token: a service without one takes no imports', () => {
  assert.throws(() => checkImportToken(requestWith(`Bearer ${token}`), null), {
    code: 'MR_HTTP_IMPORT_CLOSED',
    status: 403,
  })
})
