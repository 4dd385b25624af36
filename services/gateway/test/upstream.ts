import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { silentLogger } from '@millrace/core'
import { startService, type RunningService } from '@millrace/runtime'
import { gatewayService } from '../src/index.ts'

export type Answer = (
  request: IncomingMessage,
  response: ServerResponse,
  body: Buffer,
) => void | Promise<void>

/** A real HTTP server that stands in for a service and keeps what it was asked. */
export interface Upstream extends AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly requests: {
    readonly method: string
    readonly url: string
    readonly headers: IncomingMessage['headers']
    readonly body: string
  }[]
  /** Stops listening and cuts its connections, as a killed process does. */
  kill(): Promise<void>
}

/** @param answer what to do once the whole request is there; an empty object by default */
export async function startUpstream(
  answer: Answer = (_request, response) => void response.end('{}'),
  options: { readonly port?: number; readonly seesHealthChecks?: boolean } = {},
): Promise<Upstream> {
  const requests: Upstream['requests'] = []
  const server = createServer((request, response) => {
    if (isHealthCheck(request) && !options.seesHealthChecks) return void response.end(readyBody)
    void readBody(request).then((body) => {
      requests.push({
        method: request.method ?? '',
        url: request.url ?? '',
        headers: request.headers,
        body: body.toString(),
      })
      return answer(request, response, body)
    })
  })
  return listen(server, requests, options.port ?? 0)
}

/** A server whose handler sees the raw streams. */
export async function startRawUpstream(
  handler: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Upstream> {
  const server = createServer((request, response) => {
    if (isHealthCheck(request)) response.end(readyBody)
    else handler(request, response)
  })
  return listen(server, [], 0)
}

const readyBody = JSON.stringify({ status: 'ready', parts: [] })

/** The gateway looks at the services' readiness by itself; that is no request of the test. */
function isHealthCheck(request: IncomingMessage): boolean {
  return request.url === '/health/ready'
}

async function listen(
  server: Server,
  requests: Upstream['requests'],
  port: number,
): Promise<Upstream> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const kill = async (): Promise<void> => {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }
  const taken = (server.address() as AddressInfo).port
  return {
    url: `http://127.0.0.1:${taken}`,
    port: taken,
    requests,
    kill,
    [Symbol.asyncDispose]: kill,
  }
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer)
  } catch {
    // The client broke off; what came is what there is.
  }
  return Buffer.concat(chunks)
}

/** A service that is ready, has figures, and echoes everything else. */
export function healthy(
  stats: Readonly<Record<string, unknown>>,
  parts: readonly unknown[] = [],
): Answer {
  return (request, response, body) => {
    response.setHeader('content-type', 'application/json')
    if (request.url === '/health/ready')
      return void response.end(JSON.stringify({ status: 'ready', parts }))
    if (request.url?.endsWith('/stats')) return void response.end(JSON.stringify(stats))
    response.end(JSON.stringify({ url: request.url, body: body.toString() }))
  }
}

/** An address where nothing listens: port 1 needs root to open, and nobody does. */
export const nowhere = 'http://127.0.0.1:1'

export interface GatewaySettings {
  readonly discussions?: readonly string[]
  readonly analytics?: readonly string[]
  readonly tracking?: readonly string[]
  /** Where all services of the shop are. */
  readonly shop?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

const shopServices = ['USERS', 'CATALOG', 'ORDERS', 'PAYMENTS', 'STOCK', 'ORDER_SAGA']

export function startGateway(settings: GatewaySettings = {}): Promise<RunningService> {
  const shop = (settings.shop ?? [nowhere]).join(',')
  return startService(gatewayService, {
    logger: silentLogger,
    env: {
      PORT: '0',
      // What is up must be seen as up by a machine that is slow: what is down refuses at once.
      GATEWAY_PROBE_TIMEOUT: '60s',
      IDENTITY_KEYS_TIMEOUT: '60s',
      DISCUSSIONS_URL: (settings.discussions ?? [nowhere]).join(','),
      DISCUSSION_ANALYTICS_URL: (settings.analytics ?? [nowhere]).join(','),
      TRACKING_URL: (settings.tracking ?? [nowhere]).join(','),
      ...Object.fromEntries(shopServices.map((name) => [`${name}_URL`, shop])),
      ...settings.env,
    },
  })
}
