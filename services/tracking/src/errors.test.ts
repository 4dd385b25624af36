import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { trackingProblems } from './errors.ts'
import { parseSourceTable } from './sources/source-table.ts'

test('the README names every problem code with its status, and no other', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const rows = [...readme.matchAll(/^\| `(MR_TRACKING_\w+)` \| (\d+) \|/gm)]
  const documented = Object.fromEntries(rows.map(([, code, status]) => [code, Number(status)]))
  assert.deepEqual(documented, { ...trackingProblems })
})

test('the table of databases: all faults at once, and no password among them', () => {
  const items = [
    'shop',
    '=postgres://x/y',
    'bank=http://u:secret@h/d',
    'a=postgres://h/d',
    'a=postgres://h/e',
  ]
  assert.throws(
    () => parseSourceTable(items),
    (error: Error) => {
      assert.match(error.message, /item 1 .*item 2 .*item 3 \(bank\).*a stands there 2 times/)
      assert.doesNotMatch(error.message, /secret/)
      return true
    },
  )
  assert.deepEqual(parseSourceTable(['shop=postgres://h/d?options=-c%20a=b']), [
    { service: 'shop', url: 'postgres://h/d?options=-c%20a=b' },
  ])
})
