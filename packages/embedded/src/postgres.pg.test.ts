import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { openDatabase } from '@millrace/postgres'
import { findBinaries } from './binaries.ts'
import { startPostgres, type EmbeddedPostgres } from './postgres.ts'

const root = mkdtempSync(join(tmpdir(), 'millrace-embedded-'))
chmodSync(root, 0o755)
after(() => rmSync(root, { recursive: true, force: true }))

async function ask(postgres: EmbeddedPostgres, sql: string): Promise<unknown> {
  await using database = openDatabase({ url: postgres.url, applicationName: 'test' })
  return (await database.query<{ answer: unknown }>(sql)).rows[0]?.answer
}

test('data outlives a stop, the second start makes none anew, and the server is a loopback one with our settings', async () => {
  const dir = join(root, 'kept')
  const first = await startPostgres({ dir })
  await ask(first, 'create table kept as select 42 as answer')
  await first.stop()
  await first.stop()
  assert.deepEqual(await first.exited, { code: 0, signal: null })
  assert.equal(existsSync(join(dir, 'data', 'postmaster.pid')), false)
  assert.equal(statSync(join(dir, 'data', 'superuser-password')).mode & 0o777, 0o600)

  const made = statSync(join(dir, 'data', 'PG_VERSION')).ino
  await using second = await startPostgres({ dir, settings: { work_mem: '7MB' } })
  assert.equal(statSync(join(dir, 'data', 'PG_VERSION')).ino, made)
  assert.equal(await ask(second, 'select answer from kept'), 42)
  assert.equal(
    await ask(second, `select current_setting('listen_addresses') as answer`),
    '127.0.0.1',
  )
  assert.equal(await ask(second, `select current_setting('unix_socket_directories') as answer`), '')
  assert.equal(await ask(second, `select current_setting('work_mem') as answer`), '7MB')
  assert.equal(
    await ask(
      second,
      `select datlocale || pg_encoding_to_char(encoding) as answer from pg_database where datname = 'template1'`,
    ),
    'C.UTF-8UTF8',
  )
  assert.match(second.urlOf('a b'), /\/a%20b$/)
  assert.deepEqual(readdirSync(dir).toSorted(), ['data', 'postgres.log'])
})

test('a taken port is a typed error that names it, and the next start works', async () => {
  const dir = join(root, 'kept')
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await assert.rejects(startPostgres({ dir, port }), {
    code: 'MR_EMBEDDED_PORT_TAKEN',
    message: new RegExp(`port ${port} `),
  })
  await new Promise((resolve) => server.close(resolve))
  await using postgres = await startPostgres({ dir, port })
  assert.equal(postgres.port, port)
})

test('a second server on a directory in use is refused and harms nothing', async () => {
  const dir = join(root, 'kept')
  await using postgres = await startPostgres({ dir })
  await assert.rejects(startPostgres({ dir }), {
    code: 'MR_EMBEDDED_IN_USE',
    message: new RegExp(`pid ${postgres.pid}`),
  })
  assert.equal(await ask(postgres, 'select answer from kept'), 42)
})

test('two starts at once on an empty directory: one serves, the other is refused', async () => {
  const dir = join(root, 'race')
  const outcomes = await Promise.allSettled([startPostgres({ dir }), startPostgres({ dir })])
  const started = outcomes.filter((each) => each.status === 'fulfilled')
  assert.equal(started.length, 1, JSON.stringify(outcomes))
  await started[0]?.value.stop()
})

test('a postmaster.pid whose pid belongs to another program does not stop the start', async () => {
  const dir = join(root, 'kept')
  writeFileSync(
    join(dir, 'data', 'postmaster.pid'),
    `${process.ppid}\n${join(dir, 'data')}\n1700000000\n5432\n\n127.0.0.1\n  1 1\nready\n`,
  )
  await using postgres = await startPostgres({ dir })
  assert.equal(await ask(postgres, 'select answer from kept'), 42)
})

test('data of another major version, half data and a lost password are clear errors', async () => {
  const dir = join(root, 'bad')
  const major = findBinaries().majorVersion
  mkdirSync(join(dir, 'data'), { recursive: true })
  writeFileSync(join(dir, 'data', 'stray'), '')
  await assert.rejects(startPostgres({ dir }), { code: 'MR_EMBEDDED_BAD_DATA' })
  writeFileSync(join(dir, 'data', 'PG_VERSION'), '17\n')
  await assert.rejects(startPostgres({ dir }), {
    code: 'MR_EMBEDDED_BAD_DATA',
    details: { dataDir: join(dir, 'data'), dataVersion: '17', serverVersion: major },
  })
  writeFileSync(join(dir, 'data', 'PG_VERSION'), `${major}\n`)
  await assert.rejects(startPostgres({ dir }), {
    code: 'MR_EMBEDDED_BAD_DATA',
    details: { passwordFile: join(dir, 'data', 'superuser-password') },
  })
})

test('a data directory whose files cannot serve says what the server wrote', async () => {
  const dir = join(root, 'bad')
  writeFileSync(join(dir, 'data', 'superuser-password'), 'x\n')
  chmodSync(join(dir, 'data'), 0o700)
  await assert.rejects(startPostgres({ dir }), (error: Error & { code: string }) => {
    assert.equal(error.code, 'MR_EMBEDDED_START_FAILED')
    assert.match(error.message, /postgresql\.conf|control file/)
    return true
  })
})

test('an initdb that was killed leaves nothing that hinders the next', async () => {
  const dir = join(root, 'half')
  mkdirSync(join(dir, 'data.init-999999999'), { recursive: true })
  writeFileSync(join(dir, 'data.init-999999999.password'), 'secret')
  await using postgres = await startPostgres({ dir })
  assert.equal(await ask(postgres, 'select 1 as answer'), 1)
  assert.deepEqual(readdirSync(dir).toSorted(), ['data', 'postgres.log'])
})
