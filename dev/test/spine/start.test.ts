import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { servicePorts } from '@millrace/contracts'
import { eventually } from '@millrace/core/testing'
import { startBrokerProcess, startPostgres } from '@millrace/embedded'
import { sampleFile } from '../../src/sample-data.ts'
import { untilQuiet } from './history-checker.ts'
import { PlatformUnderTest } from './platform-under-test.ts'

const start = fileURLToPath(new URL('../../bin/start.mjs', import.meta.url))
const importCommand = fileURLToPath(new URL('../../bin/import.mjs', import.meta.url))

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-start-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

async function createThread(platform: PlatformUnderTest, title: string): Promise<string> {
  const response = await fetch(`${platform.gatewayUrl}/api/discussions/threads`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ courseId: 'start/test', title, content: 'Kept.' }),
  })
  assert.equal(response.status, 201)
  return ((await response.json()) as { id: string }).id
}

async function titlesOf(platform: PlatformUnderTest): Promise<readonly string[]> {
  const response = await fetch(
    `${platform.gatewayUrl}/api/discussions/threads?courseId=start%2Ftest`,
  )
  return ((await response.json()) as { items: readonly { title: string }[] }).items.map(
    (item) => item.title,
  )
}

async function processedCount(platform: PlatformUnderTest): Promise<number> {
  const response = await fetch(`${platform.gatewayUrl}/api/analytics/stats`)
  return ((await response.json()) as { processed: number }).processed
}

test('start: all in one process, with sample data; data and offsets are kept over a restart, the sample is not doubled', async () => {
  let firstCount: number
  {
    await using platform = await PlatformUnderTest.start({ folder, args: [] })
    await createThread(platform, 'Before the restart')
    await untilQuiet(platform)
    firstCount = await processedCount(platform)
    assert.ok(firstCount > 300, `${firstCount} events of the sample and the thread`)
    assert.equal(await platform.stop(), 0)
  }
  await using platform = await PlatformUnderTest.start({ folder, args: [] })
  assert.deepEqual(await titlesOf(platform), ['Before the restart'])
  await createThread(platform, 'After it')
  await untilQuiet(platform)
  assert.equal(await processedCount(platform), firstCount + 1)
})

test('start: a second one on the same folder is refused in one sentence, and does the first no harm', async () => {
  await using platform = await PlatformUnderTest.start({ folder, args: ['--no-sample-data'] })
  const second = spawnSync(process.execPath, [start, '--data', folder, '--any-ports'], {
    encoding: 'utf8',
  })
  assert.equal(second.status, 1)
  assert.match(
    second.stderr,
    new RegExp(`already runs on .* \\(pid ${platform.pid}\\)\\. Stop it .*--data`),
  )
  await createThread(platform, 'Still there')
})

test('start: when the supervisor is killed its children end by themselves, and the next start goes on', async () => {
  await using platform = await PlatformUnderTest.start({
    folder,
    args: ['--processes', '--no-sample-data'],
  })
  await createThread(platform, 'Before the kill')
  const pids = Object.values(platform.state.pids)
  // Each service, the broker and Postgres.
  assert.equal(pids.length, Object.keys(servicePorts).length + 2)
  process.kill(platform.pid, 'SIGKILL')
  await eventually('no child is left', () => !pids.some(isAlive))
  await using next = await PlatformUnderTest.start({ folder, args: ['--no-sample-data'] })
  assert.deepEqual(await titlesOf(next), ['Before the kill'])
  await untilQuiet(next)
})

test('start: servers of the user are used instead of ours, and left running', async () => {
  await using postgres = await startPostgres({ dir: join(folder, 'own-postgres'), port: 0 })
  await using broker = await startBrokerProcess({ dir: join(folder, 'own-broker'), port: 0 })
  await using platform = await PlatformUnderTest.start({
    folder: join(folder, 'data'),
    args: ['--no-sample-data'],
    env: { DATABASE_URL: postgres.url, KAFKA_BROKERS: broker.address },
  })
  assert.deepEqual(Object.keys(platform.state.pids), ['services'])
  await createThread(platform, 'On servers of my own')
  await untilQuiet(platform)
  assert.equal(await platform.stop(), 0)
  assert.ok(isAlive(postgres.pid ?? 0) && isAlive(broker.pid ?? 0))
})

test('start: publishing switched off lets events pile up; switched on again they go out', async () => {
  {
    await using platform = await PlatformUnderTest.start({
      folder,
      args: ['--no-sample-data'],
      env: { KAFKA_ENABLED: 'false' },
    })
    const id = await createThread(platform, 'Waiting')
    const stats = (await (await fetch(`${platform.gatewayUrl}/api/discussions/stats`)).json()) as {
      pending: number
    }
    assert.equal(stats.pending, 1)
    assert.equal((await fetch(`${platform.gatewayUrl}/api/analytics/threads/${id}`)).status, 404)
    await platform.stop()
  }
  await using platform = await PlatformUnderTest.start({ folder, args: ['--no-sample-data'] })
  await untilQuiet(platform)
  assert.equal(await processedCount(platform), 1)
})

for (const args of [[], ['--processes']]) {
  test(`start: in production mode the demo session is refused in a sentence, at once (${args.join() || 'one process'})`, () => {
    const options = [
      '--data',
      folder,
      '--any-ports',
      '--mode',
      'production',
      '--no-sample-data',
      ...args,
    ]
    const run = spawnSync(process.execPath, [start, ...options], {
      encoding: 'utf8',
      timeout: 180_000,
      env: { ...process.env, DEMO_SESSION: 'true' },
    })
    assert.equal(run.status, 1, run.stdout)
    assert.match(run.stdout, /The start failed: gateway: .*production/s)
  })
}

test('start: production mode begins empty, lets nobody in without signing in, knows its first admin, and takes imports by the token', async () => {
  const email = 'admin@example.org'
  const password = 'Bernoulli numbers 1843'
  await using platform = await PlatformUnderTest.start({
    folder,
    args: ['--mode', 'production'],
    env: { FIRST_ADMIN_EMAIL: email, FIRST_ADMIN_PASSWORD: password },
  })
  const call = async (path: string, token?: string) => {
    const headers: Record<string, string> = { 'x-demo-user': 'barbara', 'x-user-id': 'barbara' }
    if (token !== undefined) headers['authorization'] = `Bearer ${token}`
    const response = await fetch(`${platform.gatewayUrl}${path}`, { headers })
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }
  for (const path of ['/api/me', '/api/discussions/threads', '/api/users', '/api/overview'])
    assert.equal((await call(path)).status, 401, path)
  const signedIn = await fetch(`${platform.gatewayUrl}/api/sessions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email, password }),
  })
  assert.equal(signedIn.status, 201)
  const { accessToken: token } = (await signedIn.json()) as { readonly accessToken: string }
  const { body: people } = await call('/api/users', token)
  assert.deepEqual(
    (people['items'] as readonly { readonly email: string }[]).map((person) => person.email),
    [email],
  )
  assert.deepEqual((await call('/api/discussions/threads', token)).body['items'], [])
  const run = spawnSync(
    process.execPath,
    [importCommand, 'discussions', sampleFile, '--data', folder],
    {
      encoding: 'utf8',
      timeout: 180_000,
    },
  )
  assert.equal(run.status, 0, `${run.stdout}${run.stderr}`)
  const { body: threads } = await call('/api/discussions/threads', token)
  assert.notDeepEqual(threads['items'], [])
})

test('start: half a first admin is told before anything starts', () => {
  const run = spawnSync(process.execPath, [start, '--data', folder, '--any-ports'], {
    encoding: 'utf8',
    timeout: 180_000,
    env: { ...process.env, FIRST_ADMIN_EMAIL: 'admin@example.org' },
  })
  assert.equal(run.status, 1, run.stdout)
  assert.match(run.stderr, /FIRST_ADMIN_EMAIL is set and FIRST_ADMIN_PASSWORD is not/)
  assert.equal(run.stdout, '')
})
