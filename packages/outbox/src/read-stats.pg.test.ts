import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomInt, seededRandom } from '@millrace/core'
import type { Database } from '@millrace/postgres'
import { outboxFixture } from '../test/fixture.ts'
import { writeTangled } from '../test/write-tangled.ts'
import { sqlNames } from './sql-names.ts'
import { readStats } from './sql/read-stats.ts'

const names = sqlNames('outbox')

interface LanePlace {
  readonly prev: string
  /** Null: no set is under way. */
  readonly target: string | null
  readonly lastId: bigint
  readonly uptoId: bigint
}

test('figures: pending is what lies behind each lane’s cursor, wherever in a set that is, and whatever was written meanwhile', async (t) => {
  const seed = Math.floor(Math.random() * 1e9)
  t.diagnostic(`seed ${seed}`)
  const random = seededRandom(seed)
  await using fixture = await outboxFixture()
  const { database } = fixture
  const snapshots = await writeTangled(fixture, random)
  const lanes = await laneCount(database)
  // So few that what is done would hide what is pending, if it counted. Statements have names: another connection.
  const other = fixture.second().database
  const readFew = readStats(names, 100)
  const readAll = readStats(names)
  for (let round = 0; round < 30; round++) {
    const first = randomInt(random, snapshots.length - 1)
    const last = first + 1 + randomInt(random, snapshots.length - 1 - first)
    const [prev = '', to = ''] = [snapshots[first], snapshots[last]]
    const ids = await idsOf(database)
    const [lastId = 0n, uptoId = 0n] = [0, 1]
      .map(() => ids[randomInt(random, ids.length)] ?? 0n)
      .toSorted((a, b) => Number(a - b))
    const place = { prev, target: randomInt(random, 4) === 0 ? null : to, lastId, uptoId }
    await setLanes(database, place)
    const expected = await countByMeaning(database, place, lanes)
    const { pending, publishing, oldestPendingAgeMs } = await readAll(database)
    assert.deepEqual({ pending, publishing }, expected, JSON.stringify(place, bigintText))
    assert.equal(oldestPendingAgeMs === null, pending === 0)
    const few = await readFew(other)
    assert.equal(few.pending > 0, expected.pending > 0, JSON.stringify(place, bigintText))
  }
})

function bigintText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}

async function laneCount(database: Database): Promise<number> {
  const found = await database.query<{ count: number }>(
    'select count(*)::int as count from outbox.relay_lane',
  )
  return found.rows[0]?.count ?? 0
}

async function idsOf(database: Database): Promise<readonly bigint[]> {
  const found = await database.query<{ id: bigint }>('select id from outbox.event_production_data')
  return found.rows.map(({ id }) => id)
}

async function setLanes(database: Database, place: LanePlace): Promise<void> {
  const { prev, target, lastId, uptoId } = place
  await database.query(
    `update outbox.relay_lane set prev = $1::pg_snapshot, target = $2::pg_snapshot, last_id = $3, upto_id = $4,
       state = case when $2::pg_snapshot is null then 'IDLE' else 'PUBLISHING' end`,
    [prev, target, lastId, uptoId],
  )
}

/** Row by row, by what a lane's cursor means; all lanes stand at one place. */
async function countByMeaning(
  database: Database,
  { prev, target, lastId, uptoId }: LanePlace,
  lanes: number,
): Promise<{ readonly pending: number; readonly publishing: number }> {
  const found = await database.query<{ pending: number; publishing: number }>(
    `select count(*)::int as pending, count(*) filter (where in_set and id <= $4)::int as publishing
     from (
       select id, slot, coalesce(pg_visible_in_snapshot(xid, $2::pg_snapshot), false) as in_set
       from outbox.event_production_data
       where not pg_visible_in_snapshot(xid, $1::pg_snapshot)
     ) d
     where not (in_set and id <= $3) and slot % $5::int < $5::int`,
    [prev, target, lastId, uptoId, lanes],
  )
  return found.rows[0] ?? { pending: 0, publishing: 0 }
}
