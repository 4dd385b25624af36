import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { armFaults } from '@millrace/core/testing'
import { startPostgres, type EmbeddedPostgres } from '@millrace/embedded'
import type { EventEnvelope } from '@millrace/events'
import { exitOf } from '@millrace/testkit'
import { dealtWith, deposit, openFixture, type Fixture } from '../test/fixture.ts'

async function temporaryDirectory(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'millrace-inbox-'))
  // mkdtemp makes it 0700; where we are root the server runs as somebody else and must get through.
  await chmod(path, 0o755)
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

test('Postgres killed mid-batch and started again: all events once, nothing FAILED', async () => {
  await using dir = await temporaryDirectory()
  const settings = { fsync: 'off' }
  let running: Promise<EmbeddedPostgres> = startPostgres({ dir: dir.path, settings })
  const { port, url } = await running
  const fixture = await openFixture({ url })
  // Killed at each of these, at its second pass; none goes by before the server that is to be killed is known.
  const killAt = ['inbox.consumer.afterHandler', 'inbox.consumer.afterCommit']
  let passes = 0
  const disarm = armFaults(async (point) => {
    if (point !== killAt[0]) return
    const server = await running
    if (point !== killAt[0] || ++passes < 2) return
    killAt.shift()
    passes = 0
    server.kill()
  })
  try {
    const events = Array.from({ length: 300 }, (_, index) => deposit(index))
    for (const [index, event] of events.entries()) fixture.send(event, index % 2)
    const consumer = fixture.consume({
      maxBatchRecords: 25,
      maxAttempts: 1,
    })
    for (let restarts = 0; restarts < 2; restarts++) {
      await (
        await running
      ).exited
      running = startPostgres({ dir: dir.path, port, settings })
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
    await (await running).stop()
  }
})

interface Ledger extends AsyncDisposable {
  readonly fixture: Fixture
  /** Runs the process over all events, as after the loss of all offsets, and tells how it ended. */
  run(env: Readonly<Record<string, string>>): Promise<NodeJS.Signals | number | null>
}

async function openLedger(events: readonly EventEnvelope[]): Promise<Ledger> {
  const dir = await temporaryDirectory()
  const fixture = await openFixture()
  const file = join(dir.path, 'events.json')
  await writeFile(file, JSON.stringify(events))
  const program = fileURLToPath(new URL('../test/ledger-process.ts', import.meta.url))
  return {
    fixture,
    run: async (env) => {
      const child = spawn(process.execPath, [program, fixture.url, file], {
        env: { ...process.env, ...env },
        stdio: ['ignore', 'inherit', 'inherit'],
      })
      const { code, signal } = await exitOf(child)
      return signal ?? code
    },
    [Symbol.asyncDispose]: async () => {
      await fixture[Symbol.asyncDispose]()
      await dir[Symbol.asyncDispose]()
    },
  }
}

test('the process killed between handler and commit, and between commit and offsets: each effect once', async () => {
  const events = Array.from({ length: 100 }, (_, index) => deposit(index))
  await using ledger = await openLedger(events)
  const { fixture } = ledger
  const runs = [
    { faults: 'kill@inbox.consumer.afterHandler#1', effects: [0] },
    // The other partition may have committed its batch at the same moment.
    { faults: 'kill@inbox.consumer.afterCommit#1', effects: [10, 20] },
    { faults: 'kill@inbox.consumer.afterHandler#4' },
    { faults: 'kill@inbox.consumer.afterCommit#5' },
  ]
  for (const run of runs) {
    assert.equal(await ledger.run({ MILLRACE_FAULTS: run.faults }), 'SIGKILL', run.faults)
    if (run.effects) assert.ok(run.effects.includes((await fixture.effects()).length), run.faults)
  }
  assert.equal(await ledger.run({}), 0)
  const effects = await fixture.effects()
  assert.equal(effects.length, 100)
  assert.ok(effects.every((effect) => effect.count === 1))
  const rows = await fixture.inbox.listEvents({ status: 'PROCESSED', limit: 1_000 })
  assert.equal(rows.length, 100)
  // A death charges one event at most, of those that were counted before they were handled.
  const attempts = rows.reduce((sum, row) => sum + row.attempts, 0)
  assert.ok(attempts <= 100 + runs.length, `${attempts} attempts`)
})

test('an event that kills its process is given up after its attempts, and costs nobody else anything', async () => {
  const events = Array.from({ length: 60 }, (_, index) => deposit(index))
  const poison = events[34]
  assert.ok(poison)
  await using ledger = await openLedger(events)
  const { fixture } = ledger
  let deaths = 0
  for (;;) {
    const end = await ledger.run({ LEDGER_POISON: '34' })
    if (end === 0) break
    assert.equal(end, 'SIGKILL')
    assert.ok(++deaths <= 5, 'two deaths in the batch, and three attempts')
    assert.notEqual(await fixture.statusOf(poison.eventId), 'FAILED')
  }
  assert.equal(deaths, 5)
  const row = await fixture.inbox.findEvent(poison.eventId)
  assert.equal(row?.status, 'FAILED')
  assert.equal(row?.attempts, 3)
  assert.equal(row?.errorClass, 'MR_INBOX_ATTEMPT_CUT_SHORT')
  const effects = await fixture.effects()
  assert.equal(effects.length, 59)
  assert.ok(effects.every((effect) => effect.count === 1))
  // Whoever leaves in good order leaves no suspicion behind.
  const open = await fixture.database.query(
    'select 1 from consumer_position where open_by is not null',
  )
  assert.equal(open.rowCount, 0)
})
