import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { apis } from '@millrace/protocol'
import { servedApis } from './api/registry.ts'
import * as exported from './index.ts'
import { brokerErrors } from './errors.ts'

const folder = new URL('../', import.meta.url)
const gaps = readFileSync(new URL('GAPS.md', folder), 'utf8')
const readme = readFileSync(new URL('README.md', folder), 'utf8')

/** Rows of the form `| 0 | Produce | 3–12 | …`. */
function rowsUnder(heading: string): Map<number, string> {
  const section = gaps.split(/^## /m).find((part) => part.startsWith(heading))
  assert.ok(section, `GAPS.md has a section "${heading}"`)
  return new Map(
    [...section.matchAll(/^\| (\d+) \| (\w+) \| (.*?) \|/gm)].map((match) => [
      Number(match[1]),
      `${match[2]} ${match[3]}`,
    ]),
  )
}

test('gaps: GAPS.md lists exactly the APIs that are served, with their versions', () => {
  const served = [...servedApis.values()].map(({ api, versions: [min, max] }) => [
    api.key,
    `${api.name} ${min === max ? min : `${min}–${max}`}`,
  ])
  assert.deepEqual([...rowsUnder('Served')], served)
})

test('gaps: GAPS.md names every API that the protocol package knows and the broker does not serve', () => {
  const missing = apis.filter(({ key }) => !servedApis.has(key)).map(({ key }) => key)
  const named = [...rowsUnder('Not served').keys()]
  assert.deepEqual(
    missing.filter((key) => !named.includes(key)),
    [],
  )
  assert.deepEqual(
    named.filter((key) => servedApis.has(key)),
    [],
  )
})

test('gaps: every error code stands in the README', () => {
  const missing = Object.keys(brokerErrors).filter((code) => !readme.includes(code))
  assert.deepEqual(missing, [])
})

test('gaps: everything that can be called stands in the README', () => {
  const missing = Object.keys(exported).filter((name) => !new RegExp(`\\b${name}\\b`).test(readme))
  assert.deepEqual(missing, [])
})
