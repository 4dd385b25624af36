import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { example } from '../test/example.ts'
import { embeddedErrors } from './errors.ts'

const text = (path: string): Promise<string> => readFile(new URL(path, import.meta.url), 'utf8')

test("the README's example runs, and is the one that stands there", async () => {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-readme-'))
  chmodSync(dir, 0o755)
  try {
    assert.equal(await example(dir), 'shop')
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
  assert.ok((await text('../README.md')).includes(await text('../test/example.ts')))
})

test('the README names every error code, with whether it may be retried, and no other', async () => {
  const rows = (await text('../README.md')).matchAll(/^\| `(MR_EMBEDDED_\w+)` \| (yes|no) \|/gm)
  const documented = Object.fromEntries([...rows].map(([, code, retry]) => [code, retry === 'yes']))
  const coded = Object.entries(embeddedErrors).map(([code, row]) => [code, row.retryable])
  assert.deepEqual(documented, Object.fromEntries(coded))
})
