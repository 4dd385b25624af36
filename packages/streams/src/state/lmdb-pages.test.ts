import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { randomInt, seededRandom, type Random } from '@millrace/core'
import { open } from 'lmdb'
import { pageFault } from './lmdb-pages.ts'

const pageBytes = 4_096

type Rows = Map<string, string>

/** Many transactions over two databases: puts, deletes, and values of up to so many bytes. */
async function writeSome(directory: string, random: Random, maxValueBytes: number): Promise<Rows> {
  const rows: Rows = new Map()
  const root = open<Buffer, Buffer>({
    path: directory,
    encoding: 'binary',
    maxDbs: 4,
    noSync: true,
  })
  const databases = ['a', 'b'].map((name) =>
    root.openDB<Buffer, string>({ name, encoding: 'binary' }),
  )
  for (let round = 0; round < 12; round++)
    root.transactionSync(() => {
      for (let index = 0; index < 200; index++) {
        const which = randomInt(random, 2)
        const key = `key ${randomInt(random, 3_000)}`
        const name = `${which} ${key}`
        if (randomInt(random, 4) === 0) {
          databases[which]?.removeSync(key)
          rows.delete(name)
          continue
        }
        const value = String(index).padEnd(randomInt(random, maxValueBytes), '.')
        databases[which]?.putSync(key, Buffer.from(value))
        rows.set(name, value)
      }
    })
  await root.close()
  return rows
}

async function readAll(directory: string): Promise<Rows> {
  const root = open<Buffer, Buffer>({
    path: directory,
    encoding: 'binary',
    maxDbs: 4,
    noSync: true,
  })
  const rows: Rows = new Map()
  for (const [which, name] of ['a', 'b'].entries()) {
    const database = root.openDB<Buffer, string>({ name, encoding: 'binary' })
    for (const { key, value } of database.getRange({})) rows.set(`${which} ${key}`, String(value))
  }
  await root.close()
  return rows
}

async function subject() {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-test-pages-'))
  return {
    directory,
    file: join(directory, 'data.mdb'),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  }
}

function seedOf(t: { diagnostic(text: string): void }): number {
  const seed = Number(process.env['MILLRACE_SEED'] ?? Date.now() % 1_000_000)
  t.diagnostic(`MILLRACE_SEED=${seed}`)
  return seed
}

test('pages of LMDB: nothing is wrong with what it wrote itself, whatever that was', async (t) => {
  const random = seededRandom(seedOf(t))
  for (const maxValueBytes of [100, 2_000, 20_000]) {
    await using it = await subject()
    await writeSome(it.directory, random, maxValueBytes)
    assert.equal(pageFault(it.file), undefined)
    await writeSome(it.directory, random, maxValueBytes)
    assert.equal(pageFault(it.file), undefined)
  }
})

test('pages of LMDB: a page of other bytes is noticed, or was not in use and everything is read as it was', async (t) => {
  const random = seededRandom(seedOf(t))
  await using it = await subject()
  const rows = await writeSome(it.directory, random, 500)
  const whole = readFileSync(it.file)
  let noticed = 0
  // About every second page is in use.
  for (let round = 0; noticed < 10; round++) {
    assert.ok(round < 500, `${noticed} of ${round}`)
    const bytes = Buffer.from(whole)
    const page = 2 + randomInt(random, whole.length / pageBytes - 2)
    for (let at = 0; at < pageBytes; at++) bytes[page * pageBytes + at] = randomInt(random, 256)
    writeFileSync(it.file, bytes)
    if (pageFault(it.file) !== undefined) noticed++
    else assert.deepEqual(await readAll(it.directory), rows)
  }
})

for (const { name, at, says } of [
  { name: 'its number', at: 0, says: /says that it is another/ },
  { name: 'its kind', at: 18, says: /of kind|cut short|leads/ },
  { name: 'where its nodes begin', at: 23, says: /has its nodes from|has a node at/ },
])
  test(`pages of LMDB: a page whose head is damaged at ${name} is named`, async (t) => {
    const random = seededRandom(seedOf(t))
    await using it = await subject()
    await writeSome(it.directory, random, 500)
    const bytes = readFileSync(it.file)
    const pages = bytes.length / pageBytes
    for (let page = 2; page < pages; page++) {
      const position = page * pageBytes + at
      bytes[position] = (bytes[position] as number) ^ 0xff
    }
    writeFileSync(it.file, bytes)
    assert.match(pageFault(it.file) ?? '', says)
  })
