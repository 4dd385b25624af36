import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CommitSchedule } from './commit-schedule.ts'

/** The first instant at which a commit is due, from `fromMs` on. */
function dueMs(schedule: CommitSchedule, fromMs = 0): number {
  for (let atMs = fromMs; ; atMs++) if (schedule.isDue(atMs)) return atMs
}

for (const { name, workedMs, goesOn, expectedMs } of [
  {
    name: 'an interval after the start, without work',
    workedMs: undefined,
    goesOn: true,
    expectedMs: 1_000,
  },
  {
    name: 'an interval after the start, where all tasks are new',
    workedMs: 300,
    goesOn: false,
    expectedMs: 1_000,
  },
  {
    name: 'a tenth after the first record, where tasks go on',
    workedMs: 300,
    goesOn: true,
    expectedMs: 400,
  },
  { name: 'not later than without work', workedMs: 950, goesOn: true, expectedMs: 1_000 },
])
  test(`the first commit is due ${name}`, () => {
    const schedule = new CommitSchedule(1_000, 0)
    if (workedMs !== undefined) {
      schedule.worked(workedMs, goesOn)
      schedule.worked(workedMs + 50, goesOn)
    }
    assert.equal(dueMs(schedule), expectedMs)
  })

test('commits that find nothing to do leave the first one to come early; once one is done they come by the interval', () => {
  const schedule = new CommitSchedule(1_000, 0)
  schedule.tried(1_000)
  assert.equal(dueMs(schedule, 1_000), 2_000)
  schedule.worked(1_200, true)
  assert.equal(dueMs(schedule, 1_200), 1_300)
  schedule.tried(1_300)
  schedule.committed(1_350)
  schedule.worked(1_400, true)
  assert.equal(dueMs(schedule, 1_400), 2_350)
})
