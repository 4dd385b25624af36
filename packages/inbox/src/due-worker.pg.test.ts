import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger, systemClock } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { deposit, openFixture } from '../test/fixture.ts'
import { DueWorker } from './due-worker.ts'
import { releaseDue } from './sql/due-events.ts'
import { statementsOf } from './statements.ts'

const groupId = 'ledger'
/** Nothing here may come back by its lease. */
const lease = { owner: '018f0000-0000-7000-8000-000000000001', leaseMs: 3_600_000 }

test('due worker: a row that is due again before its last attempt is over here is dealt with once after it, not when its lease ends', async () => {
  await using fixture = await openFixture()
  const { database } = fixture
  const consumer = fixture.consume({
    handler: () => Promise.reject(new Error('broken')),
    retryBackoff: { baseMs: 3_600_000, maxMs: 3_600_000 },
  })
  const event = deposit(1)
  fixture.send(event)
  await eventually(
    'the event waits',
    async () => (await fixture.statusOf(event.eventId)) === 'RECEIVED',
  )
  await consumer.close()
  await database.query('update event_consumption_data set next_retry_at = clock_timestamp()')

  const statements = statementsOf('public')
  const log: string[] = []
  let runs = 0
  const worker = new DueWorker({
    database,
    statements,
    groupId,
    topics: ['accounts'],
    isOrdered: true,
    concurrency: 4,
    pollMs: 5,
    drainTimeoutMs: 1_000,
    lease,
    runner: {
      run: async (row) => {
        const run = ++runs
        log.push(`${run} begins`)
        // Twice: of two newer claims the first is nobody's any more.
        for (const _claim of run === 1 ? ['second', 'third'] : []) {
          await releaseDue(database, statements.due, row, lease.owner, 0)
          await eventually(
            'it is taken again meanwhile',
            async () => (await fixture.statusOf(event.eventId)) === 'PROCESSING',
          )
        }
        log.push(`${run} ends`)
      },
    },
    gate: { outage: null },
    logger: silentLogger,
    clock: systemClock,
  })
  worker.start()
  try {
    await eventually('both have run', () => runs === 2)
  } finally {
    await worker.close()
  }
  // A third would have begun before the worker was closed.
  assert.deepEqual(log, ['1 begins', '1 ends', '2 begins', '2 ends'])
})
