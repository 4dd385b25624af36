import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** An issuer's JWKS over HTTP, whose answer may be exchanged; it counts how often it was asked. */
export interface KeyServer extends AsyncDisposable {
  readonly url: string
  readonly asked: number
  answer: { readonly status: number; readonly body: string }
}

export async function startKeyServer(keys: readonly unknown[]): Promise<KeyServer> {
  let asked = 0
  const server = createServer((_request, response) => {
    asked++
    response.writeHead(state.answer.status, { 'content-type': 'application/json' })
    response.end(state.answer.body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const state: KeyServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`,
    get asked() {
      return asked
    },
    answer: { status: 200, body: JSON.stringify({ keys }) },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
  return state
}
