import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { eventually } from '@millrace/core/testing'
import { exitOf } from '@millrace/testkit'
import { dealtWith, deposit, openFixture, type Fixture } from '../../test/fixture.ts'
import { createOperations } from './operations.ts'
import type { OperationRequest } from './types.ts'

const eventCount = 60

/** Runs a process that carries the operation out; tells how it ended. */
async function run(
  url: string,
  id: string,
  faults: string,
  more: Readonly<Record<string, string>> = {},
): Promise<NodeJS.Signals | number | null> {
  const program = fileURLToPath(new URL('../../test/operation-process.ts', import.meta.url))
  const child = spawn(process.execPath, [program, url, id], {
    env: { ...process.env, MILLRACE_FAULTS: faults, ...more },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const { code, signal } = await exitOf(child)
  return signal ?? code
}

/** Leases of the dead would be waited out: a test has no time for it. */
async function endLeases(fixture: Fixture): Promise<void> {
  await fixture.database.query('update operation set lease_until = null')
  await fixture.database.query(
    `update event_consumption_data set next_retry_at = clock_timestamp() where status = 'PROCESSING'`,
  )
}

async function confirmed(fixture: Fixture, request: OperationRequest): Promise<string> {
  const operations = createOperations({ database: fixture.database, schema: 'public' })
  const { id } = await operations.plan(request)
  await operations.confirm(id, { by: 'ann', reason: 'a test' })
  return id
}

for (const kills of [
  [
    'inbox.redrive.beforeCommit#2',
    'inbox.due.afterHandler#3',
    'inbox.due.afterCommit#5',
    'inbox.redrive.beforeCommit#4',
  ],
  ['inbox.due.afterHandler#7', 'inbox.redrive.beforeCommit#6'],
])
  test(`a re-drive whose consumer is killed at ${kills.join(', ')}: every event once, every item ended`, async () => {
    await using fixture = await openFixture()
    const events = Array.from({ length: eventCount }, (_, index) =>
      deposit(index, { account: `a${index % 20}` }),
    )
    for (const event of events) fixture.send(event, 0, event.aggregateId)
    const consumer = fixture.consume({
      maxAttempts: 1,
      outage: false,
      handler: () => Promise.reject(new RangeError('away')),
    })
    await eventually('all failed', () => consumer.stats().failed === eventCount, {
      timeoutMs: 60_000,
    })
    await consumer.close()
    const id = await confirmed(fixture, {
      kind: 'redrive',
      group: 'ledger',
      filter: { topic: 'accounts' },
      ratePerSecond: 10_000,
    })
    for (const kill of kills) {
      assert.equal(await run(fixture.url, id, `kill@${kill}`), 'SIGKILL', kill)
      await endLeases(fixture)
    }
    assert.equal(await run(fixture.url, id, ''), 0)
    const effects = await fixture.effects()
    assert.equal(effects.length, eventCount)
    assert.ok(effects.every((effect) => effect.count === 1))
    const operation = await createOperations({ database: fixture.database, schema: 'public' }).get(
      id,
    )
    assert.equal(operation?.progress.done, eventCount)
    const order = await fixture.database.query<{ account: string; amounts: readonly number[] }>(
      'select account, array_agg(amount order by ctid) as amounts from effect group by account',
    )
    for (const { account, amounts } of order.rows)
      assert.deepEqual(
        amounts,
        amounts.toSorted((a, b) => a - b),
        account,
      )
  })

test('a replay whose consumer is killed after the handler and after the commit: every event once more, none twice', async () => {
  await using fixture = await openFixture()
  const events = Array.from({ length: eventCount }, (_, index) => deposit(index))
  for (const [index, event] of events.entries()) fixture.send(event, index % 2)
  const consumer = fixture.consume()
  await dealtWith(consumer, eventCount)
  await consumer.close()
  const id = await confirmed(fixture, {
    kind: 'replay',
    group: 'ledger',
    topic: 'accounts',
    from: new Date(Date.now() - 600_000),
    to: new Date(Date.now() + 60_000),
    ratePerSecond: 10_000,
  })
  for (const kill of [
    'inbox.replay.afterHandler#1',
    'inbox.replay.afterCommit#2',
    'inbox.replay.afterHandler#3',
  ]) {
    assert.equal(await run(fixture.url, id, `kill@${kill}`), 'SIGKILL', kill)
    await endLeases(fixture)
  }
  assert.equal(await run(fixture.url, id, ''), 0)
  const effects = await fixture.effects()
  assert.equal(effects.length, eventCount)
  assert.ok(effects.every((effect) => effect.count === 2))
  const operation = await createOperations({ database: fixture.database, schema: 'public' }).get(id)
  assert.equal(operation?.progress.done, eventCount)
})

test('a forced replay of external effects, killed after the handler: that event is not tried again, all others are, once', async () => {
  await using fixture = await openFixture()
  for (let index = 0; index < 6; index++) fixture.send(deposit(index))
  const consumer = fixture.consume({ effects: 'external' })
  await dealtWith(consumer, 6)
  await consumer.close()
  const id = await confirmed(fixture, {
    kind: 'replay',
    group: 'ledger',
    topic: 'accounts',
    from: new Date(Date.now() - 600_000),
    to: new Date(Date.now() + 60_000),
    ratePerSecond: 10_000,
    force: true,
  })
  const external = { OPERATION_EFFECTS: 'external' }
  const kill = 'kill@inbox.replay.afterHandler#2'
  assert.equal(await run(fixture.url, id, kill, external), 'SIGKILL')
  await endLeases(fixture)
  assert.equal(await run(fixture.url, id, '', external), 0)
  const operations = createOperations({ database: fixture.database, schema: 'public' })
  const operation = await operations.get(id)
  assert.deepEqual([operation?.progress.done, operation?.progress.failed], [5, 1])
  const [cut] = await operations.items(id, { states: ['FAILED'] })
  assert.equal(cut?.position, 2)
  assert.match(cut.note ?? '', /began and never ended/)
  // What the killed one did in its transaction is gone with it; what it did outside cannot be known.
  const counts = (await fixture.effects()).map((effect) => effect.count)
  assert.deepEqual(
    counts.toSorted((a, b) => a - b),
    [1, 2, 2, 2, 2, 2],
  )
})
