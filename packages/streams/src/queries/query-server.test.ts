import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StreamsBuilder } from '../dsl/streams-builder.ts'
import { stringSerde } from '../serde.ts'
import { StreamsApp } from '../runtime/streams-app.ts'
import { startQueryServer, type OtherRequest } from './query-server.ts'

test('query server: what is not about stores is for who runs it, with its body; its own paths are not', async () => {
  const builder = new StreamsBuilder()
  builder.stream<string, string>('in', { key: stringSerde, value: stringSerde }).to('out')
  const app = new StreamsApp({
    applicationId: 'app',
    brokers: ['127.0.0.1:1'],
    topology: builder.build(),
  })
  const asked: OtherRequest[] = []
  await using server = await startQueryServer({
    app,
    otherwise: async (request) => {
      asked.push(request)
      if (!request.path.startsWith('/mill')) return undefined
      return { status: 202, headers: { 'content-type': 'text/plain' }, body: request.body }
    },
  })
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`http://${server.address}${path}`, init)
  const answered = await ask('/mill/wheel?turns=2', { method: 'POST', body: 'grain' })
  assert.deepEqual([answered.status, await answered.text()], [202, 'grain'])
  assert.deepEqual(
    asked.map(({ method, path }) => [method, path]),
    [['POST', '/mill/wheel?turns=2']],
  )
  assert.equal((await ask('/race')).status, 404)
  assert.equal((await ask('/race', { method: 'POST' })).status, 405)
  asked.length = 0
  const large = await ask('/mill', { method: 'POST', body: Buffer.alloc(4_194_305) })
  assert.equal(large.status, 413)
  assert.equal((await ask('/mill', { headers: { origin: 'http://elsewhere' } })).status, 403)
  for (const path of ['/', '/stores/none/get?key=1', '/pages']) await ask(path)
  assert.deepEqual(asked, [])
})
