import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** How a stand-in answers: as it should, with a fault of its own, or never. */
export type PeerMood = 'well' | 'faulty' | 'silent'

/** Users and catalogue in one server, as far as orders ask them. */
export interface FakePeers extends AsyncDisposable {
  readonly url: string
  mood: PeerMood
  /** Ids that exist. */
  readonly users: Set<string>
  /** Prices by sku, thousandths of a pound. */
  readonly prices: Map<string, number>
  /** Requests so far. */
  asked: number
}

export async function startFakePeers(): Promise<FakePeers> {
  const server = createServer((request, response) => {
    peers.asked++
    if (peers.mood === 'silent') return
    if (peers.mood === 'faulty') return send(response, 500, {})
    let text = ''
    request.on('data', (piece: Buffer) => (text += piece.toString()))
    request.on('end', () => {
      if (request.url === '/api/users/known') {
        const { callers } = JSON.parse(text) as {
          readonly callers: readonly Readonly<Record<string, string>>[]
        }
        const knownOf = (id: string): string => (peers.users.has(id) ? 'known' : 'unknown')
        return send(response, 200, {
          callers: callers.map((each) => knownOf(each['x-user-id'] ?? '')),
        })
      }
      const { skus } = JSON.parse(text) as { readonly skus: readonly string[] }
      const items = skus.flatMap((sku) => {
        const unitPriceMills = peers.prices.get(sku)
        return unitPriceMills === undefined ? [] : [{ sku, unitPriceMills, name: sku }]
      })
      send(response, 200, { items, missing: [] })
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const peers: FakePeers = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    mood: 'well',
    users: new Set(['ada', 'ben']),
    prices: new Map([
      ['MUG', 7_500],
      ['TEA', 2_150],
      ['GOLD', Number.MAX_SAFE_INTEGER],
    ]),
    asked: 0,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return peers
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
