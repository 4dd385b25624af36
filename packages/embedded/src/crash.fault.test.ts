import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { eventually } from '@millrace/core/testing'
import { openDatabase } from '@millrace/postgres'
import { startPostgres } from './postgres.ts'
import { isAlive } from './process-table.ts'

const root = mkdtempSync(join(tmpdir(), 'millrace-crash-'))
chmodSync(root, 0o755)
after(() => rmSync(root, { recursive: true, force: true }))

interface Program {
  readonly child: ChildProcess
  /** What its first line of output says. */
  readonly said: { readonly pid: number; readonly directory: string }
}

/** Runs a program of `../test`. */
async function run(program: string, ...args: string[]): Promise<Program> {
  const path = fileURLToPath(new URL(`../test/${program}`, import.meta.url))
  const child = spawn(process.execPath, [path, ...args], { stdio: ['ignore', 'pipe', 'ignore'] })
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout?.setEncoding('utf8').once('data', resolve)
    child.once('exit', () => reject(new Error(`${program} ended before it said anything`)))
  })
  return { child, said: JSON.parse(line) as Program['said'] }
}

test('postmaster killed under writes, three times: every acknowledged row is there after an immediate start', async () => {
  const dir = join(root, 'writes')
  const acknowledged: number[] = []
  let next = 0
  for (let round = 0; round < 3; round++) {
    const postgres = await startPostgres({ dir })
    const database = openDatabase({ url: postgres.url, applicationName: 'test', maxConnections: 8 })
    await database.query('create table if not exists written (number integer primary key)')
    const writers = Array.from({ length: 4 }, async () => {
      for (;;) {
        const number = next++
        try {
          await database.query('insert into written values ($1)', [number])
          acknowledged.push(number)
        } catch {
          return
        }
      }
    })
    // Never looks whether its postmaster lives: it stays behind, holding the shared memory, until the next start ends it.
    const busy = database.query('do $$ begin loop end loop; end $$').catch(() => {})
    const before = acknowledged.length
    await eventually('200 rows of this round', () => acknowledged.length > before + 200)
    postgres.kill()
    assert.deepEqual(await postgres.exited, { code: null, signal: 'SIGKILL' })
    const restarted = await startPostgres({ dir })
    await Promise.all([...writers, busy])
    await database.close()
    await using again = openDatabase({ url: restarted.url, applicationName: 'test' })
    const { rows } = await again.query<{ number: number }>('select number from written')
    const written = new Set(rows.map((row) => row.number))
    assert.deepEqual(
      acknowledged.filter((number) => !written.has(number)),
      [],
    )
    await again.close()
    await restarted.stop()
  }
})

test('launcher killed: its server ends by itself, and a start right after works', async () => {
  const dir = join(root, 'launcher')
  const { child, said } = await run('launch-and-hang.ts', dir)
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await ended
  await using postgres = await startPostgres({ dir })
  assert.notEqual(postgres.pid, said.pid)
  assert.equal(isAlive(said.pid), false)
})

test('launcher killed and nobody starts again: the server is gone soon', async () => {
  const { child, said } = await run('launch-and-hang.ts', join(root, 'launcher'))
  child.kill('SIGKILL')
  await eventually('the server ended', () => !isAlive(said.pid))
})

for (const end of ['well', 'throw', 'crash']) {
  test(`testDatabase: a test process that ends (${end}) leaves neither server nor files`, async () => {
    const { said } = await run('use-test-database.ts', end)
    await eventually(
      'server and files are gone',
      () => !isAlive(said.pid) && !existsSync(dirname(said.directory)),
    )
  })
}
