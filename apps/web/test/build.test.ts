import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { buildWeb, webDist } from './fixture/built-app.ts'

test('build: two at once leave one whole build, and the next has nothing to do', async () => {
  await Promise.all([buildWeb(), buildWeb()])
  assert.ok(existsSync(join(webDist, 'index.html')))
  assert.equal(await buildWeb(), '')
})
