import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { discussionLines } from './discussion-lines.ts'
import { ImportClient } from './import-client.ts'
import { importFile } from './import-file.ts'

/** A door that knows lines by their ids, as the real one does, and can be made to break. */
let server: Server
let gatewayUrl: string
const known = new Set<string>()
let failuresToCome: number[] = []
let batches: number[] = []
let folder: string

before(async () => {
  server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      const failure = failuresToCome.shift()
      if (failure !== undefined) {
        response.writeHead(failure, { 'content-type': 'application/json' })
        return response.end(JSON.stringify({ detail: 'not now' }))
      }
      const { lines } = JSON.parse(body) as { lines: { id: string }[] }
      batches.push(lines.length)
      const results = lines.map(({ id }) => {
        const result = known.has(id) ? 'exists' : 'created'
        known.add(id)
        return { id, result }
      })
      response.writeHead(200, { 'content-type': 'application/json' })
      return response.end(JSON.stringify({ results }))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  gatewayUrl = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
})
after(() => {
  server.closeAllConnections()
  server.close()
})
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-import-'))
  known.clear()
  failuresToCome = []
  batches = []
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function fileOf(count: number, name = 'lines.jsonl'): string {
  const path = join(folder, name)
  const text = Array.from({ length: count }, (_, index) =>
    JSON.stringify({ id: `l${index}` }),
  ).join('\n')
  writeFileSync(path, name.endsWith('.gz') ? gzipSync(text) : text)
  return path
}

function run(path: string) {
  const sender = discussionLines(new ImportClient({ gatewayUrl, token: 'secret' }))
  return importFile({ path, sender, positionFolder: join(folder, 'positions'), batchLines: 10 })
}

for (const name of ['lines.jsonl', 'lines.jsonl.gz']) {
  test(`import: ${name} goes out in batches, in order, and its position is forgotten at the end`, async () => {
    const result = await run(fileOf(25, name))
    assert.deepEqual(batches, [10, 10, 5])
    assert.deepEqual(
      [result.created, result.exists, result.refused, result.fraction],
      [25, 0, 0, 1],
    )
    assert.deepEqual(readdirSync(join(folder, 'positions')), [])
  })
}

test('import: a run that is broken off goes on after the last batch that was acknowledged', async () => {
  const path = fileOf(25)
  // The second batch meets an answer that no repeat mends.
  failuresToCome = []
  const sender = discussionLines(new ImportClient({ gatewayUrl, token: 'secret' }))
  let sent = 0
  const breaking = {
    send: (lines: readonly unknown[]) =>
      sent++ === 1 ? Promise.reject(new Error('pulled the plug')) : sender.send(lines),
  }
  const options = { path, positionFolder: join(folder, 'positions'), batchLines: 10 }
  await assert.rejects(importFile({ ...options, sender: breaking }), /pulled the plug/)
  const result = await importFile({ ...options, sender })
  assert.equal(result.resumedAfterLine, 10)
  assert.equal(result.created, 15)
  assert.deepEqual(batches, [10, 10, 5])
})

test('import: an answer that says "later" is waited out', async () => {
  failuresToCome = [503, 503, 429]
  const result = await run(fileOf(5))
  assert.equal(result.created, 5)
})

test('import: an answer that no repeat mends ends the run with its reason', async () => {
  failuresToCome = [401]
  await assert.rejects(run(fileOf(5)), (error: Error & { code: string }) => {
    assert.equal(error.code, 'MR_DEV_IMPORT_FAILED')
    assert.match(error.message, /answered 401: not now.*run the same command again/)
    return true
  })
})
