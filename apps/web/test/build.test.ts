import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { buildWebIfStale, webDist } from '../../../dev/bin/web-build.mjs'

test('build: two at once leave one whole build; the next one has nothing to do and is quick', async () => {
  await Promise.all([buildWebIfStale(), buildWebIfStale()])
  assert.ok(existsSync(join(webDist, 'index.html')))
  const again = await buildWebIfStale()
  assert.equal(again.built, false)
  assert.ok(again.tookMs < 100, `${again.tookMs} ms`)
})
