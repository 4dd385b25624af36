import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import * as exported from './index.ts'

const { apis, ...others } = exported
const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')

test('the README names everything that is exported, messages by their rule', () => {
  const byRule = apis.map(({ name }) => `${name[0]!.toLowerCase()}${name.slice(1)}Api`)
  const missing = Object.keys(others).filter(
    (name) => !byRule.includes(name) && !new RegExp(`\\b${name}\\b`).test(readme),
  )
  assert.deepEqual(missing, [])
  assert.deepEqual(
    byRule.filter((name) => !Object.hasOwn(exported, name)),
    [],
  )
})
