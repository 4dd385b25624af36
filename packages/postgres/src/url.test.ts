import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assert as check, pre, property, string } from 'fast-check'
import { parseDatabaseUrl, quoteIdentifier, withDatabaseName } from './url.ts'

test('a URL is read in all its parts, escapes undone', () => {
  const address = parseDatabaseUrl(
    'postgres://us%40er:p%3Aw@db.example:6000/my%20db?sslmode=require',
  )
  assert.deepEqual(
    { ...address, parameters: Object.fromEntries(address.parameters) },
    {
      host: 'db.example',
      port: 6000,
      user: 'us@er',
      password: 'p:w',
      database: 'my db',
      parameters: { sslmode: 'require' },
    },
  )
  assert.equal(parseDatabaseUrl('postgresql://localhost/x').port, 5432)
  assert.equal(parseDatabaseUrl('postgres://u@[::1]:1/x').host, '::1')
})

for (const bad of ['', 'localhost:5432/x', 'http://localhost/x', 'postgres:///x']) {
  test(`"${bad}" is no database URL`, () => {
    assert.throws(() => parseDatabaseUrl(bad), { code: 'MR_POSTGRES_BAD_URL' })
  })
}

test('a wrong URL does not put the password into the message', () => {
  assert.throws(
    () => parseDatabaseUrl('postgre://user:secret@host/x'),
    (error: Error) => !error.message.includes('secret'),
  )
})

test('"." and "..", which a URL would take for a way through folders, are refused', () => {
  for (const name of ['.', '..'])
    assert.throws(() => withDatabaseName('postgres://host/x', name), {
      code: 'MR_POSTGRES_BAD_URL',
    })
})

test('any other database name survives withDatabaseName, and server and parameters stay', () => {
  const url = 'postgres://user:secret@host:1/old?sslmode=disable'
  check(
    property(string({ minLength: 1, unit: 'grapheme' }), (name) => {
      pre(name !== '.' && name !== '..')
      const address = parseDatabaseUrl(withDatabaseName(url, name))
      assert.equal(address.database, name)
      assert.equal(address.password, 'secret')
      assert.equal(address.parameters.get('sslmode'), 'disable')
    }),
  )
})

test('identifiers are quoted, and what cannot be one is refused', () => {
  assert.equal(quoteIdentifier('a"b'), '"a""b"')
  for (const bad of ['', 'a\0b', 'ä'.repeat(32)])
    assert.throws(() => quoteIdentifier(bad), { code: 'MR_POSTGRES_BAD_URL' })
})
