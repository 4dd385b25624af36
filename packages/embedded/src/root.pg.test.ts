import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { openDatabase } from '@millrace/postgres'
import { placeServer, type PlacementKind } from './account.ts'
import { findBinaries } from './binaries.ts'
import { startPostgres } from './postgres.ts'

const isRoot = process.getuid?.() === 0
const skip = isRoot ? false : 'only root has to run Postgres as somebody else'
// mkdtemp makes it 0700: no other account gets through, as with a checkout in root's home.
const closed = mkdtempSync(join(tmpdir(), 'millrace-closed-'))
after(() => rmSync(closed, { recursive: true, force: true }))

/** Starts twice, so that the second start finds what the first has made. */
async function serveTwice(dir: string, kind: PlacementKind | undefined): Promise<PlacementKind> {
  for (let round = 1; ; round++) {
    await using postgres = await startPostgres({ dir, ...(kind && { placement: kind }) })
    await using database = openDatabase({ url: postgres.url, applicationName: 'test' })
    await database.query('create table if not exists round (number integer)')
    await database.query('insert into round values ($1)', [round])
    const { rows } = await database.query<{ rounds: bigint }>(
      'select count(*) as rounds from round',
    )
    assert.equal(rows[0]?.rounds, BigInt(round))
    if (round === 2) return postgres.placement
  }
}

test(
  'root: a directory open to others is served by an account that owns the data',
  { skip },
  async () => {
    const dir = mkdtempSync(join(tmpdir(), 'millrace-open-'))
    after(() => rmSync(dir, { recursive: true, force: true }))
    const { chmodSync } = await import('node:fs')
    chmodSync(dir, 0o755)
    const binaries = findBinaries()
    if (placeServer(binaries, dir).kind !== 'account') return
    assert.equal(await serveTwice(dir, undefined), 'account')
    assert.notEqual(statSync(join(dir, 'data')).uid, 0)
  },
)

test(
  'root: below a closed directory a user namespace serves it, with the data in place',
  { skip },
  async (t) => {
    const dir = join(closed, 'namespace')
    let kind: PlacementKind
    try {
      kind = await serveTwice(dir, 'namespace')
    } catch (error) {
      if ((error as { code?: string }).code !== 'MR_EMBEDDED_NO_ACCOUNT') throw error
      t.skip('user namespaces are off on this machine')
      return
    }
    assert.equal(kind, 'namespace')
    assert.equal(statSync(join(dir, 'data')).uid, 0)
  },
)

test(
  'root: without namespaces a copy of the binaries serves data kept elsewhere',
  { skip },
  async () => {
    const dir = join(closed, 'copy')
    assert.equal(await serveTwice(dir, 'copy'), 'copy')
    const elsewhere = readFileSync(join(dir, 'data-location'), 'utf8').trim()
    after(() => rmSync(elsewhere, { recursive: true, force: true }))
    assert.equal(existsSync(join(elsewhere, 'data', 'PG_VERSION')), true)
    assert.equal(existsSync(join(dir, 'data')), false)

    // Whoever deletes the directory to begin afresh means the data elsewhere too.
    rmSync(dir, { recursive: true })
    await using postgres = await startPostgres({ dir, placement: 'copy' })
    await using database = openDatabase({ url: postgres.url, applicationName: 'test' })
    await assert.rejects(database.query('select 1 from round'), { sqlState: '42P01' })
  },
)

test('root: data moves from one way of running to another', { skip }, async () => {
  const dir = join(closed, 'namespace')
  if (!existsSync(join(dir, 'data'))) return
  const { chmodSync } = await import('node:fs')
  chmodSync(closed, 0o755)
  assert.equal(dirname(dir), closed)
  await using postgres = await startPostgres({ dir })
  await using database = openDatabase({ url: postgres.url, applicationName: 'test' })
  const { rows } = await database.query<{ rounds: bigint }>('select count(*) as rounds from round')
  assert.equal(rows[0]?.rounds, 2n)
})
