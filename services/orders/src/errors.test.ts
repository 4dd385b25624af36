import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { ordersProblems } from './errors.ts'

test('the README names every problem code with its status, and no other', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const rows = [...readme.matchAll(/^\| `(MR_ORDERS_\w+)` \| (\d+) \|/gm)]
  const documented = Object.fromEntries(rows.map(([, code, status]) => [code, Number(status)]))
  assert.deepEqual(documented, { ...ordersProblems })
})
