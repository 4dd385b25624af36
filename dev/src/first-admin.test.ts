import assert from 'node:assert/strict'
import { test } from 'node:test'
import { firstAdminEmail } from './first-admin.ts'

const email = 'admin@example.org'
const password = 'Bernoulli numbers 1843'

test('first admin: both, or neither', () => {
  assert.equal(firstAdminEmail({}), undefined)
  assert.equal(firstAdminEmail({ FIRST_ADMIN_EMAIL: '', FIRST_ADMIN_PASSWORD: '' }), undefined)
  assert.equal(firstAdminEmail({ FIRST_ADMIN_EMAIL: email, FIRST_ADMIN_PASSWORD: password }), email)
})

for (const { name, environment, says } of [
  {
    name: 'an address alone',
    environment: { FIRST_ADMIN_EMAIL: email },
    says: /FIRST_ADMIN_PASSWORD is not/,
  },
  {
    name: 'a password alone',
    environment: { FIRST_ADMIN_PASSWORD: password },
    says: /FIRST_ADMIN_EMAIL is not/,
  },
  {
    name: 'what is no address',
    environment: { FIRST_ADMIN_EMAIL: 'admin', FIRST_ADMIN_PASSWORD: password },
    says: /no e-mail address/,
  },
  {
    name: 'a short password',
    environment: { FIRST_ADMIN_EMAIL: email, FIRST_ADMIN_PASSWORD: 'short' },
    says: /fewer than 10/,
  },
])
  test(`first admin: ${name} stops the start, and the password is not repeated`, () => {
    assert.throws(
      () => firstAdminEmail(environment),
      (error: Error) => {
        assert.match(error.message, says)
        return !error.message.includes(password) && !error.message.includes('short')
      },
    )
  })
