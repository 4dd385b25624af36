import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { DataDirectory } from './data-directory.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-data-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('data directory: new at first, kept afterwards', async () => {
  const first = await DataDirectory.open(folder, { isFresh: false })
  assert.equal(first.isNew, true)
  await first.release()
  const second = await DataDirectory.open(folder, { isFresh: false })
  assert.equal(second.isNew, false)
  await second.release()
})

const isLinux = process.platform === 'linux'
const skip = isLinux ? false : 'only Linux tells what a process is'
test(
  'data directory: the lock of a number that was given out again to another program is taken over',
  { skip },
  async () => {
    // Process 1 lives, and is no supervisor of ours.
    writeFileSync(join(folder, 'supervisor.pid'), '1')
    const directory = await DataDirectory.open(folder, { isFresh: false })
    assert.equal(readFileSync(join(folder, 'supervisor.pid'), 'utf8'), String(process.pid))
    await directory.release()
  },
)

test('data directory: the lock of a process that is gone is taken over', async () => {
  writeFileSync(join(folder, 'supervisor.pid'), '999999999')
  const directory = await DataDirectory.open(folder, { isFresh: false })
  await directory.release()
})

test('data directory: data of another format is refused with what to do, and left alone', async () => {
  writeFileSync(join(folder, 'format'), '99\n')
  await assert.rejects(
    DataDirectory.open(folder, { isFresh: false }),
    (error: Error & { code: string }) => {
      assert.equal(error.code, 'MR_DEV_DATA_FORMAT')
      assert.match(error.message, /format 99.*--fresh/)
      return true
    },
  )
  assert.equal(readFileSync(join(folder, 'format'), 'utf8'), '99\n')
  const fresh = await DataDirectory.open(folder, { isFresh: true })
  assert.equal(fresh.isNew, true)
  await fresh.release()
})

for (const name of ['a file', 'below a file']) {
  test(`data directory: ${name} is refused in a sentence`, async () => {
    const file = join(folder, 'file')
    writeFileSync(file, '')
    const path = name === 'a file' ? file : join(file, 'deeper', 'still')
    await assert.rejects(DataDirectory.open(path, { isFresh: false }), {
      code: 'MR_DEV_BAD_OPTION',
    })
  })
}

test(
  'data directory: a place that makes no folders is refused, not waited for',
  { skip, timeout: 60_000 },
  async () => {
    await assert.rejects(DataDirectory.open('/proc/nope/deeper', { isFresh: false }), {
      code: 'MR_DEV_BAD_OPTION',
    })
  },
)

test('data directory: parents are made', async () => {
  const directory = await DataDirectory.open(join(folder, 'a', 'b'), { isFresh: false })
  await directory.release()
})

test('data directory: --fresh removes what we made and nothing else', async () => {
  writeFileSync(join(folder, 'import-token'), 'old')
  writeFileSync(join(folder, 'precious.txt'), 'mine')
  const directory = await DataDirectory.open(folder, { isFresh: true })
  assert.equal(await directory.has('import-token'), false)
  assert.equal(readFileSync(join(folder, 'precious.txt'), 'utf8'), 'mine')
  await directory.release()
})

test('data directory: the import token is kept, and readable by its owner only', async () => {
  const directory = await DataDirectory.open(folder, { isFresh: false })
  const token = await directory.importToken()
  assert.ok(token.length >= 32)
  assert.equal(await directory.importToken(), token)
  assert.equal(statSync(directory.file('import-token')).mode & 0o077, 0)
  await directory.release()
})
