/**
 * Stores of an application over HTTP. Any instance answers for all of them: it asks the owner of a partition. For people and other programs
 * there are URLs with JSON, `GET /stores/<store>/<read>`; instances among themselves say `POST /pages`.
 */
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { StreamsError } from '../errors.ts'
import type { StreamsApp } from '../runtime/streams-app.ts'
import type { AppQueries } from './app-queries.ts'
import { pageJson, readRequestJson } from './page-json.ts'
import { plainProblem, problemAnswer, type ProblemAnswer } from './query-problem.ts'
import { keyOfText } from './query-text.ts'
import { readUrl, urlReadNames } from './query-url.ts'
import { readText } from './text-read.ts'

export interface QueryServerOptions {
  readonly app: StreamsApp
  /** Default 0: any free one. */
  readonly port?: number
  /**
   * Default `127.0.0.1`, so that nobody but this machine can ask. There is neither authentication nor encryption: beyond a private network put
   * a proxy in front.
   */
  readonly host?: string
  /**
   * Answers what the query server has nothing for, such as what instances of a service ask each other: they know this address of each other from the
   * group. Who may ask is for it to find out. Undefined: 404.
   */
  readonly otherwise?: (request: OtherRequest) => Promise<OtherAnswer | undefined>
}

/** A request for something else than stores. */
export interface OtherRequest {
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** At most 4 MiB, as text. */
  readonly body: string
}

export interface OtherAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface QueryServer extends AsyncDisposable {
  readonly port: number
  /** `host:port` where it listens. */
  readonly address: string
  /** Ends what is under way. Idempotent. */
  close(): Promise<void>
}

const maxBodyBytes = 4_194_304
const maxConnections = 1_000

/**
 * Begins to listen. Started before the app and without an `applicationServer` of the app's, its address is what the group is told.
 * @throws StreamsError `MR_STREAMS_BAD_OPTION` where it cannot listen there
 */
export async function startQueryServer(options: QueryServerOptions): Promise<QueryServer> {
  const { app, port = 0, host = '127.0.0.1', otherwise } = options
  const { queries } = app
  const served: Served = { queries, otherwise }
  const server = createServer((request, response) => void serve(served, request, response))
  server.maxConnections = maxConnections
  await listen(server, port, host)
  const { port: taken } = server.address() as AddressInfo
  const address = `${host.includes(':') ? `[${host}]` : host}:${taken}`
  queries.applicationServer ??= address
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => {
    closing ??= new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
    return closing
  }
  return { port: taken, address, close, [Symbol.asyncDispose]: close }
}

async function listen(server: Server, port: number, host: string): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host, port }, resolve)
    })
  } catch (error) {
    throw new StreamsError(
      'MR_STREAMS_BAD_OPTION',
      `The query server cannot listen on ${host}:${port}: ${String(error)} Free the port, or choose another; 0 takes any free one.`,
      { host, port },
      { cause: error },
    )
  }
}

interface Served {
  readonly queries: AppQueries
  readonly otherwise: QueryServerOptions['otherwise']
}

async function serve(
  served: Served,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = request.url ?? '/'
  let answer: ProblemAnswer
  try {
    answer = await answerTo(served, request, path)
  } catch (error) {
    answer = problemAnswer(error, path)
  }
  response.on('error', () => {}) // Who asked has gone.
  if (request.method === 'POST' && !request.complete) response.setHeader('connection', 'close')
  response.writeHead(answer.status, { ...answer.headers, 'cache-control': 'no-store' })
  response.end(answer.body)
}

/** First parts of the paths that are the query server's own. */
const ownPaths: ReadonlySet<string | undefined> = new Set(['', 'pages', 'stores'])

async function answerTo(
  { queries, otherwise }: Served,
  request: IncomingMessage,
  path: string,
): Promise<ProblemAnswer> {
  // A page of somebody's browser has no business here.
  if (request.headers.origin !== undefined)
    return plainProblem(403, 'Requests of web pages are not answered.')
  const url = URL.parse(path, 'http://query')
  if (!url) return plainProblem(400, 'The URL cannot be read.')
  const parts = url.pathname.split('/').slice(1).map(decodedPart)
  if (parts.includes(undefined)) return plainProblem(400, 'The URL cannot be read.')
  const [first, store, read] = parts
  if (otherwise && !ownPaths.has(first)) {
    const body = await limitedBody(request)
    if (body === undefined) return bodyTooLarge
    const { method = 'GET', headers } = request
    const answer = await otherwise({ method, path, headers, body })
    if (answer) return answer
  }
  if (request.method === 'POST' && url.pathname === '/pages') return pages(queries, request)
  if (request.method !== 'GET') return plainProblem(405, 'Only GET is answered here.')
  if (url.pathname === '/') return json(overview(queries))
  if (first === 'stores' && store !== undefined && parts.length === 3) {
    if (read === 'metadata') return json(metadata(queries, store, url.searchParams))
    return json(await rows(queries, store, read ?? '', url))
  }
  return plainProblem(
    404,
    `There is nothing at ${url.pathname}. There are /, /stores/<store>/metadata?key=… and /stores/<store>/<${urlReadNames.join(' | ')}>?…`,
  )
}

function decodedPart(part: string): string | undefined {
  try {
    return decodeURIComponent(part)
  } catch {
    return undefined
  }
}

const bodyTooLarge = plainProblem(413, `The request has more than ${maxBodyBytes} bytes.`)

/** Undefined where it is too large. */
async function limitedBody(request: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = []
  let sizeBytes = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    sizeBytes += part.length
    if (sizeBytes > maxBodyBytes) return undefined
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

/** A page of this instance alone, for another one. */
async function pages(queries: AppQueries, request: IncomingMessage): Promise<ProblemAnswer> {
  const body = await limitedBody(request)
  if (body === undefined) return bodyTooLarge
  const asked = readRequestJson(queries.applicationId, body)
  queries.places.builder(asked.store)
  const page = await queries.local.page(asked)
  return { status: 200, headers: jsonHeaders, body: pageJson(page) }
}

async function rows(queries: AppQueries, store: string, name: string, url: URL): Promise<unknown> {
  if (name === 'count') return { entryCount: await entryCount(queries, store, url) }
  const asked = { store, read: name, parameters: url.searchParams }
  const { rows: found, after } = await readText(queries, asked)
  return { rows: found.map(({ keyText: _text, sizeBytes: _size, ...row }) => row), after }
}

function entryCount(queries: AppQueries, store: string, url: URL): Promise<number> {
  const { serdes } = queries.places.builder(store)
  const { key, value } = serdes as NonNullable<typeof serdes>
  const { options, scope } = readUrl('count', url.searchParams, key)
  return queries.reader(store, { key, value, scope }).entryCount(options)
}

function metadata(queries: AppQueries, store: string, query: URLSearchParams): unknown {
  const serdes = queries.places.builder(store).serdes
  const text = query.get('key')
  if (text === null || !serdes) return { instances: queries.metadataForStore(store) }
  const bytes = keyOfText(serdes.key, text, 'key')
  const { partition, active, standbys } = queries.metadataForKey(
    store,
    serdes.key.deserialize(bytes),
  )
  return { partition: partition ?? null, active, standbys }
}

function overview(queries: AppQueries): unknown {
  const { applicationId, applicationServer, processId, state, instances } = queries
  const hasStores = state === 'RUNNING' || state === 'REBALANCING'
  return {
    applicationId,
    state,
    processId: processId ?? null,
    applicationServer: applicationServer ?? null,
    stores: hasStores && processId !== undefined ? queries.places.described : [],
    instances,
  }
}

const jsonHeaders = { 'content-type': 'application/json' }

function json(value: unknown): ProblemAnswer {
  return { status: 200, headers: jsonHeaders, body: JSON.stringify(value) }
}
