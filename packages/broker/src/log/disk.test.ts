import assert from 'node:assert/strict'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemDisk } from './disk.ts'

test('files are for their owner alone, whatever the umask says', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-disk-'))
  const umask = process.umask(0)
  try {
    systemDisk.open(join(dir, 'opened')).close()
    systemDisk.replaceFile(join(dir, 'replaced'), Buffer.from('x'), false)
    for (const name of ['opened', 'replaced'])
      assert.equal((await stat(join(dir, name))).mode & 0o077, 0, name)
  } finally {
    process.umask(umask)
    await rm(dir, { recursive: true, force: true })
  }
})
