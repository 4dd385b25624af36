import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { test } from 'node:test'
import { silentLogger, systemClock } from '@millrace/core'
import { openTaskEnvironment } from './lmdb-environment.ts'

const keys = Array.from({ length: 2_000 }, (_, index) => Buffer.from(`key-${index}`))

/** How large the file has become after every value was written anew forty times. */
async function sizeAfterWrites(walkFirst: boolean): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-test-lmdb-walks-'))
  try {
    const environment = openTaskEnvironment({
      directory,
      taskId: '0_0',
      clock: systemClock,
      logger: silentLogger,
    })
    const store = environment.open('s')
    for (let round = 0; round < 40; round++) {
      for (const key of keys) store.put(key, Buffer.alloc(500, round))
      environment.commit(new Map([['s', round]]))
      // A page of a query, or a step that has found what it looked for.
      if (walkFirst) for (const [key] of store.range(keys[round] as Buffer, null)) if (key) break
      // lmdb-js lets go of its read transaction between two turns of the event loop.
      await setImmediate()
    }
    environment.close()
    return statSync(join(directory, 'data.mdb')).size
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

test('walks over state on disk that are given up half way hold no replaced pages: the file grows no more than without them', async () => {
  const [without, withWalks] = [await sizeAfterWrites(false), await sizeAfterWrites(true)]
  assert.ok(withWalks < 2 * without, `${withWalks} bytes, ${without} without walks`)
})
