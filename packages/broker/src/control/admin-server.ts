import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { MillraceError, toError } from '@millrace/core'
import { BrokerError } from '../errors.ts'
import type { BrokerRuntime } from './broker-runtime.ts'
import { operations, runOperation } from './operations.ts'

const MAX_BODY_BYTES = 1024 * 1024

export interface AdminOptions {
  readonly port: number
  readonly host: string
  readonly token: string | undefined
}

/**
 * The broker's controls over HTTP on loopback: `POST /<operation>` with the input as JSON, answered with the output as JSON; `GET /` lists the
 * operations. An error is `{ code, message, details }`. Without a token whoever may connect to this machine's loopback may do everything, so it
 * is off unless asked for; beyond loopback it needs one. Requests of web pages are refused (they carry an `Origin`).
 */
export class AdminServer {
  readonly port: number
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
    this.port = (server.address() as AddressInfo).port
  }

  /** @throws BrokerError `MR_BROKER_LISTEN_FAILED` */
  static async open(
    runtime: BrokerRuntime,
    { port, host, token }: AdminOptions,
  ): Promise<AdminServer> {
    const server = createServer((request, response) => {
      if (isAllowed(request, token)) void serve(runtime, request, response)
      else refuseStranger(response)
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host, port }, resolve)
    }).catch((error: unknown) => {
      throw new BrokerError(
        'MR_BROKER_LISTEN_FAILED',
        `The admin server cannot listen on ${host}:${port} (${(error as NodeJS.ErrnoException).code}). The broker was not started; free the port, or choose another (0 takes any free one).`,
        { host, port },
        { cause: error },
      )
    })
    return new AdminServer(server)
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeAllConnections()
    await closed
  }
}

function isAllowed({ headers }: IncomingMessage, token: string | undefined): boolean {
  if (token === undefined) return true
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(headers.authorization ?? ''), digest(`Bearer ${token}`))
}

/** Before the body is read: a stranger gets no memory. */
function refuseStranger(response: ServerResponse): void {
  const message =
    'The admin server needs its token, as "Authorization: Bearer …". Nothing was done.'
  response.setHeader('www-authenticate', 'Bearer')
  response.setHeader('connection', 'close')
  send(response, 401, { code: 'MR_BROKER_BAD_CALL', message, details: {} })
}

async function serve(
  runtime: BrokerRuntime,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const name = (request.url ?? '/').slice(1)
    if (request.headers.origin !== undefined) throw badCall('Web pages may not control the broker.')
    if (request.method === 'GET' && name === '') return send(response, 200, listing())
    if (request.method !== 'POST')
      throw badCall(`${request.method} ${request.url} is not served; POST /<operation>, or GET /.`)
    const input = parse(await bodyOf(request))
    send(response, 200, (await runOperation(runtime, name, input)) ?? null)
  } catch (thrown) {
    const error = toError(thrown)
    const { code, details } =
      error instanceof MillraceError ? error : { code: 'MR_BROKER_FAILED', details: {} }
    send(response, statusOf(code), { code, message: error.message, details })
  }
}

function statusOf(code: string): number {
  switch (code) {
    case 'MR_BROKER_BAD_CALL':
    case 'MR_BROKER_BAD_FAULT':
    case 'MR_BROKER_BAD_OPTION':
    case 'MR_BROKER_BAD_SNAPSHOT':
      return 400
    case 'MR_BROKER_UNKNOWN_FAULT':
      return 404
    case 'MR_BROKER_WAIT_TIMEOUT':
      return 408
    case 'MR_BROKER_CLOCK_NOT_VIRTUAL':
    case 'MR_BROKER_CRASHED':
      return 409
    default:
      return 500
  }
}

function listing(): unknown {
  return Object.entries(operations).map(([name, { summary, input }]) => ({ name, summary, input }))
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_BODY_BYTES) throw badCall(`The body is larger than ${MAX_BODY_BYTES} bytes.`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function parse(text: string): unknown {
  if (text.trim() === '') return {}
  try {
    return JSON.parse(text)
  } catch (error) {
    throw badCall(`The body is no JSON (${toError(error).message}).`)
  }
}

function badCall(text: string): BrokerError {
  return new BrokerError('MR_BROKER_BAD_CALL', `${text} Nothing was done.`)
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body, withBytes))
}

/** Bytes as base64, 64-bit numbers as text. */
function withBytes(_name: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  return typeof value === 'bigint' ? String(value) : value
}
