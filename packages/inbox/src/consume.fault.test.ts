import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { armFaults, eventually } from '@millrace/core/testing'
import { startPostgres, type EmbeddedPostgres } from '@millrace/embedded'
import { book, dealtWith, deposit, openFixture } from '../test/fixture.ts'

async function temporaryDirectory(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'millrace-inbox-'))
  // mkdtemp makes it 0700; where we are root the server runs as somebody else and must get through.
  await chmod(path, 0o755)
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

test('Postgres killed mid-batch and started again: all events once, nothing FAILED', async () => {
  await using dir = await temporaryDirectory()
  const settings = { fsync: 'off' }
  let postgres: EmbeddedPostgres = await startPostgres({ dir: dir.path, settings })
  const { port } = postgres
  const fixture = await openFixture({ url: postgres.url })
  let kills = 0
  const disarm = armFaults((point) => {
    const at = point === 'inbox.consumer.afterHandler' ? 2 : 4
    if (kills < 2 && fixture.kafka.records('accounts').length > 0 && calls % at === 0) {
      kills++
      postgres.kill()
    }
  })
  let calls = 1
  try {
    const events = Array.from({ length: 300 }, (_, index) => deposit(index))
    for (const [index, event] of events.entries()) fixture.send(event, index % 2)
    const consumer = fixture.consume({
      maxBatchRecords: 25,
      maxAttempts: 1,
      handler: async (batch, context) => {
        calls++
        await book(batch, context)
      },
    })
    for (let restarts = 0; restarts < 2; restarts++) {
      await postgres.exited
      postgres = await startPostgres({ dir: dir.path, port, settings })
    }
    await dealtWith(consumer, 300)
    const effects = await fixture.effects()
    assert.equal(effects.length, 300)
    assert.ok(effects.every((effect) => effect.count === 1))
    assert.equal(consumer.stats().failed, 0)
    assert.ok(consumer.stats().transientRetries > 0)
    const statuses = await fixture.database.query(
      'select status, count(*)::integer as rows from event_consumption_data group by status',
    )
    assert.deepEqual(statuses.rows, [{ status: 'PROCESSED', rows: 300 }])
    assert.equal(fixture.kafka.records('accounts-dlq').length, 0)
  } finally {
    disarm()
    await fixture[Symbol.asyncDispose]()
    await postgres.stop()
  }
})

test('the process killed between handler and commit, and between commit and offsets: each effect once', async () => {
  await using dir = await temporaryDirectory()
  await using fixture = await openFixture()
  const events = Array.from({ length: 100 }, (_, index) => deposit(index))
  const file = join(dir.path, 'events.json')
  await writeFile(file, JSON.stringify(events))
  const program = fileURLToPath(new URL('../test/ledger-process.ts', import.meta.url))
  const run = async (faults: string): Promise<NodeJS.Signals | number | null> => {
    const child = spawn(process.execPath, [program, fixture.url, file], {
      env: { ...process.env, MILLRACE_FAULTS: faults },
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
    return signal ?? code
  }
  // A pass of afterHandler is a batch with new events; the ones before it were done by the runs before.
  assert.equal(await run('kill@inbox.consumer.afterHandler#1'), 'SIGKILL')
  assert.equal((await fixture.effects()).length, 0)
  assert.equal(await run('kill@inbox.consumer.afterCommit#1'), 'SIGKILL')
  assert.equal((await fixture.effects()).length, 10)
  assert.equal(await run('kill@inbox.consumer.afterHandler#4'), 'SIGKILL')
  assert.equal(await run('kill@inbox.consumer.afterCommit#5'), 'SIGKILL')
  assert.equal(await run(''), 0)
  const effects = await fixture.effects()
  assert.equal(effects.length, 100)
  assert.ok(effects.every((effect) => effect.count === 1))
  await eventually('all rows there', async () => {
    const rows = await fixture.inbox.listEvents({ status: 'PROCESSED', limit: 1_000 })
    return rows.length === 100 && rows.every((row) => row.attempts === 1)
  })
})
