import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import * as exported from './index.ts'

test('the README names everything that can be called', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const missing = Object.keys(exported).filter((name) => !new RegExp(`\\b${name}\\b`).test(readme))
  assert.deepEqual(missing, [])
})
