import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { sagaErrors } from './errors.ts'

test('the README names every code of the saga, and no other', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const rows = readme.matchAll(/^\| `(MR_ORDER_SAGA_\w+)` +\|/gm)
  assert.deepEqual(new Set([...rows].map(([, code]) => code)), new Set(Object.keys(sagaErrors)))
})
