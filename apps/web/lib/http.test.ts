import assert from 'node:assert/strict'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { request } from './http.ts'
import { ApiProblem } from './problem.ts'

/** A server whose answers a test gives; `path` is its address. */
async function withServer(
  answer: (response: ServerResponse) => void,
  work: (path: string) => Promise<void>,
): Promise<void> {
  const server = createServer((_request, response) => answer(response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}/api/x`)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

const cutInTheBody = (response: ServerResponse): void => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' })
  response.write('{"half":', () => response.destroy())
}

for (const { name, answer } of [
  { name: 'before its head', answer: (response: ServerResponse) => void response.destroy() },
  { name: 'in its body', answer: cutInTheBody },
])
  test(`request: an answer that is cut off ${name} is worth another try`, () =>
    withServer(answer, (path) =>
      assert.rejects(request(path), (error: unknown) => {
        assert.ok(error instanceof ApiProblem)
        assert.equal(error.facts.code, 'MR_WEB_UNREACHABLE')
        return error.isRetryable
      }),
    ))

for (const { name, answer } of [
  { name: 'before its head', answer: () => {} },
  {
    name: 'in its body',
    answer: (response: ServerResponse) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.write('{"half":')
    },
  },
])
  test(`request: one that its caller calls off ${name} is no problem of the gateway`, () =>
    withServer(answer, async (path) => {
      const calling = new AbortController()
      setTimeout(() => calling.abort(), 50)
      await assert.rejects(request(path, { signal: calling.signal }), { name: 'AbortError' })
    }))

test('request: what is no JSON is said so, and not tried again', () =>
  withServer(
    (response) => response.end('<html>'),
    (path) =>
      assert.rejects(request(path), (error: unknown) => {
        assert.ok(error instanceof ApiProblem)
        return error.facts.code === 'MR_WEB_BAD_ANSWER' && !error.isRetryable
      }),
  ))
