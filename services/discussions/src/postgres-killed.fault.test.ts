import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { silentLogger } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { startPostgres } from '@millrace/embedded'
import { openDatabase } from '@millrace/postgres'
import { startService } from '@millrace/runtime'
import { discussionsService } from './service.ts'

const dir = mkdtempSync(join(tmpdir(), 'millrace-discussions-'))
chmodSync(dir, 0o755)
after(() => rmSync(dir, { recursive: true, force: true }))

test('Postgres killed and back: requests answer 503 meanwhile, not ready, then all goes on; nothing acknowledged is lost', async () => {
  const first = await startPostgres({ dir })
  const { port } = first
  // The database is not there yet: the service makes it.
  const databaseUrl = first.urlOf('discussion_service_db')
  await using service = await startService(discussionsService, {
    overrides: { databaseUrl, port: 0, kafkaEnabled: false },
    logger: silentLogger,
  })
  await service.ready
  const post = async (path: string, body: object): Promise<Response> =>
    fetch(`${service.url}/api/discussions${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-user-id': 'ada' },
      body: JSON.stringify(body),
    })
  const thread = (await (
    await post('/threads', { courseId: 'c', title: 't', content: 'x' })
  ).json()) as { id: string }

  const over = new AbortController()
  const acknowledged: string[] = []
  const statuses = new Set<number>()
  const writers = Array.from({ length: 6 }, async () => {
    while (!over.signal.aborted) {
      const response = await post(`/threads/${thread.id}/comments`, { content: 'x' })
      const body = (await response.json()) as { id: string; status?: number; code?: string }
      statuses.add(response.status)
      if (response.status === 201) acknowledged.push(body.id)
      else assert.match(body.code ?? '', /^MR_POSTGRES_/)
    }
  })
  await eventually('work goes on', () => acknowledged.length > 30)
  first.kill()
  await first.exited
  await eventually('requests are refused', () => statuses.has(503))
  await eventually('not ready', async () => {
    return (await fetch(`${service.url}/health/ready`)).status === 503
  })
  await using second = await startPostgres({ dir, port })
  const before = acknowledged.length
  await eventually('work goes on again', () => acknowledged.length > before + 30)
  over.abort()
  await Promise.all(writers)
  assert.deepEqual(statuses, new Set([201, 503]))
  await eventually('ready again', async () => {
    return (await fetch(`${service.url}/health/ready`)).status === 200
  })

  await using database = openDatabase({ url: databaseUrl, applicationName: 'test' })
  const { rows } = await database.query<{ id: string }>('select id from comment')
  const stored = new Set(rows.map((row) => row.id))
  assert.deepEqual(
    acknowledged.filter((id) => !stored.has(id)),
    [],
  )
  const versions = await database.query<{ events: bigint; version: bigint; comments: number }>(
    `select (select count(*) from event_production_log) as events, version, comment_count as comments from thread`,
  )
  assert.deepEqual(
    { ...versions.rows[0] },
    { events: BigInt(stored.size + 1), version: BigInt(stored.size + 1), comments: stored.size },
  )
  await database.close()
  await service.close()
  await second.stop()
})
