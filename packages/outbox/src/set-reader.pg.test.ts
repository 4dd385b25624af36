import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomInt, seededRandom, type Random } from '@millrace/core'
import type { Database } from '@millrace/postgres'
import { outboxFixture } from '../test/fixture.ts'
import { writeTangled } from '../test/write-tangled.ts'
import { SetReader } from './set-reader.ts'
import { sqlNames } from './sql-names.ts'
import type { SetBounds } from './sql/read-set.ts'
import { createStatements } from './statements.ts'

const sql = createStatements(sqlNames('outbox'))

test('a set is handed out whole and in id order, window by window, wherever it is begun and however fast it is asked for', async (t) => {
  const seed = Math.floor(Math.random() * 1e9)
  t.diagnostic(`seed ${seed}`)
  const random = seededRandom(seed)
  await using fixture = await outboxFixture()
  const snapshots = await writeTangled(fixture, random)
  for (let round = 0; round < 15; round++) {
    const first = randomInt(random, snapshots.length - 1)
    const last = first + 1 + randomInt(random, snapshots.length - 1 - first)
    const [prev = '', target = ''] = [snapshots[first], snapshots[last]]
    const slots = round % 2 === 0 ? [0, 1, 2, 3] : [randomInt(random, 4)]
    const whole = await idsOf(fixture.database, { prev, target, slots })
    const done = randomInt(random, whole.length + 1)
    const afterId = whole[done - 1] ?? 0n
    const bounds = { prev, target, slots, afterId }
    assert.deepEqual(
      await readAll(fixture.database, bounds, random),
      whole.slice(done),
      `${JSON.stringify({ prev, target, slots })} after ${afterId}`,
    )
  }
})

/** By the meaning of a set, not by how it is looked for. */
async function idsOf(
  database: Database,
  { prev, target, slots }: Omit<SetBounds, 'afterId'>,
): Promise<readonly bigint[]> {
  const found = await database.query<{ id: bigint }>(
    `select id
     from outbox.event_production_data
     where pg_visible_in_snapshot(xid, $2::pg_snapshot) and not pg_visible_in_snapshot(xid, $1::pg_snapshot)
       and slot = any($3::smallint[])
     order by id`,
    [prev, target, slots],
  )
  return found.rows.map((row) => row.id)
}

async function readAll(
  database: Database,
  bounds: SetBounds,
  random: Random,
): Promise<readonly bigint[]> {
  const limits = {
    records: 1 + randomInt(random, 20),
    bytes: 1 + randomInt(random, 5_000),
    windowRecords: 20 + randomInt(random, 80),
  }
  const page =
    randomInt(random, 2) === 0 ? await sql.readSet(database, bounds, limits.records) : undefined
  const reader = new SetReader(database, sql, bounds, limits, page)
  const ids: bigint[] = []
  try {
    for (let chunk = await reader.next(); chunk; chunk = await reader.next()) {
      assert.equal(chunk.uptoId, chunk.events.at(-1)?.id)
      ids.push(...chunk.events.map((event) => event.id))
      // As where what is read ahead is there long before it is asked for.
      if (randomInt(random, 5) === 0) await reader.settle()
    }
  } finally {
    await reader.settle()
  }
  return ids
}
