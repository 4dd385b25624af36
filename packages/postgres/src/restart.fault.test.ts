import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { eventually } from '@millrace/core/testing'
import { startPostgres } from '@millrace/embedded'
import { openDatabase } from './database.ts'
import { isTransientPostgresError } from './errors.ts'

const dir = mkdtempSync(join(tmpdir(), 'millrace-restart-'))
chmodSync(dir, 0o755)
after(() => rmSync(dir, { recursive: true, force: true }))

test('Postgres killed and started again: calls fail as transient meanwhile, pool and listener recover by themselves', async () => {
  const first = await startPostgres({ dir })
  const { port } = first
  await using database = openDatabase({ url: first.url, applicationName: 'under-test' })
  await database.query('create table counted (n integer primary key)')
  let connections = 0
  await database.listen('news', () => {}, { onConnected: () => connections++ })

  const over = new AbortController()
  let next = 0
  const acknowledged: number[] = []
  const faults: unknown[] = []
  const workers = Array.from({ length: 8 }, async () => {
    while (!over.signal.aborted) {
      const n = next++
      try {
        await database.transaction(async (tx) => {
          await tx.query('select 1')
          tx.queryLast('insert into counted values ($1)', [n])
        })
        acknowledged.push(n)
      } catch (error) {
        faults.push(error)
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }
  })
  await eventually('work goes on', () => acknowledged.length > 100)
  first.kill()
  await first.exited
  await eventually('calls fail', () => faults.length > 20)
  await using second = await startPostgres({ dir, port })
  const before = acknowledged.length
  await eventually('work goes on again', () => acknowledged.length > before + 100)
  await eventually('the listener is back', () => connections === 2)
  over.abort()
  await Promise.all(workers)

  assert.deepEqual(
    faults.filter((fault) => !isTransientPostgresError(fault)),
    [],
  )
  const { rows } = await database.query<{ n: number }>('select n from counted')
  const stored = new Set(rows.map((row) => row.n))
  assert.deepEqual(
    acknowledged.filter((n) => !stored.has(n)),
    [],
  )
  await database.close()
  await second.stop()
})
