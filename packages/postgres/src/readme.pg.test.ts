import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { testDatabase } from '@millrace/embedded/testing'
import { example } from '../test/example.ts'
import { postgresErrors } from './errors.ts'

const text = (path: string): Promise<string> => readFile(new URL(path, import.meta.url), 'utf8')

test("the README's example runs, and is the one that stands there", async () => {
  await using home = await testDatabase()
  assert.equal(await example(home.url), 1n)
  assert.ok((await text('../README.md')).includes(await text('../test/example.ts')))
})

test('the README names every error code, with whether it may be retried, and no other', async () => {
  const rows = (await text('../README.md')).matchAll(/^\| `(MR_POSTGRES_\w+)` \| (yes|no) \|/gm)
  const documented = Object.fromEntries([...rows].map(([, code, retry]) => [code, retry === 'yes']))
  const coded = Object.entries(postgresErrors).map(([code, row]) => [code, row.retryable])
  assert.deepEqual(documented, Object.fromEntries(coded))
})
