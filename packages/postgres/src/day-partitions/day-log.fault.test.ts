import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { armFaults, eventually } from '@millrace/core/testing'
import { exitOf } from '@millrace/testkit'
import { dayLogFixture, daysAgo, type DayLogFixture } from '../../test/day-log-fixture.ts'

const program = fileURLToPath(new URL('../../test/day-log-process.ts', import.meta.url))
const days = [daysAgo(6), daysAgo(5)]

/** Runs the program until it kills itself at `fault`, and checks that it did. */
async function killedAt(fault: string, args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...process.env, MILLRACE_FAULTS: `kill@${fault}` },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const { signal } = await exitOf(child)
  assert.equal(signal, 'SIGKILL', `${fault} was reached`)
}

/** Runs the archive to its end; the server may still hold the killed one's lock for a moment. */
async function finish(fixture: DayLogFixture): Promise<void> {
  await eventually(
    'the archive is whole',
    async () => {
      const { log, directory } = fixture
      const { isElsewhere } = await log.archive({ directory, hotDays: 3 })
      return !isElsewhere && (await log.days()).length === 1
    },
    { timeoutMs: 120_000 },
  )
}

async function assertAllThere(fixture: DayLogFixture, before: readonly string[]): Promise<void> {
  const parts = await fixture.log.archivedDays()
  assert.deepEqual(
    parts.map(({ day, table, part, state }) => [day, table, part, state]),
    days.flatMap((day) => ['entry', 'mark'].map((table) => [day, table, 1, 'ARCHIVED'])),
  )
  for (const day of days) assert.equal(await fixture.log.restore(day), true)
  assert.deepEqual(await fixture.rows(), before)
}

// Two days with two tables each: the passes 1 and 2 are the tables of the first day, 3 and 4 those of the second.
const points = [
  'started',
  'started#2',
  ...[1, 2, 3, 4].map((pass) => `detached#${pass}`),
  'copied',
  'copied#2',
  'written',
  'written#2',
  'beforeDrop',
  'dropped',
]
for (const point of points)
  test(`day log: SIGKILL at ${point} of an archive loses nothing; the next run brings it to its end`, async () => {
    await using fixture = await dayLogFixture()
    for (const day of days) await fixture.add(day, 200)
    await fixture.add(daysAgo(0), 3)
    const before = await fixture.rows()
    await killedAt(`day-archive.${point}`, [fixture.url, fixture.directory])
    await finish(fixture)
    await assertAllThere(fixture, before)
  })

test('day log: SIGKILL in the middle of a restore leaves the day archived, and it can be restored', async () => {
  await using fixture = await dayLogFixture()
  for (const day of days) await fixture.add(day, 200)
  await fixture.add(daysAgo(0), 3)
  const before = await fixture.rows()
  await finish(fixture)
  await killedAt('day-archive.beforeRestoreCommit', [fixture.url, fixture.directory, days[0] ?? ''])
  await assertAllThere(fixture, before)
})

for (const point of ['detached', 'copied', 'written', 'beforeDrop'])
  test(`day log: a connection that is cut at ${point} fails the run, typed, and the next one ends it`, async () => {
    await using fixture = await dayLogFixture()
    for (const day of days) await fixture.add(day, 200)
    await fixture.add(daysAgo(0), 3)
    const before = await fixture.rows()
    const disarm = armFaults(async (at) => {
      if (at !== `day-archive.${point}`) return
      disarm()
      await fixture.database.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'millrace-archive-log'`,
      )
    })
    await assert.rejects(
      fixture.log.archive({ directory: fixture.directory, hotDays: 3 }),
      (error: Error & { code: string }) => error.code.startsWith('MR_POSTGRES_'),
    )
    await finish(fixture)
    await assertAllThere(fixture, before)
  })
