import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { toError, type Logger, type Span, type Tracer } from '@millrace/core'
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type RawServerDefault,
} from 'fastify'
import { EventStreams, eventStreamsOf } from './event-stream.ts'
import type { CallerReader } from './identity/caller-reader.ts'
import { useStrictJson } from './json-body.ts'
import { problemDocument, ProblemError, problemOf } from './problem.ts'
import type { PrometheusMeter } from './prometheus-meter.ts'
import { ServicePhase, type Readiness } from './readiness.ts'
import { contextOf, continueTrace, receivedTraceparent } from './request-context.ts'
import { RouteMethods } from './route-methods.ts'
import { compileValidator } from './validation.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route answers while the service still starts and after its start failed. */
    availableWhileStarting?: boolean
    /** Anybody may ask, also in production mode; `callerOf` says null of who is unknown. */
    isPublic?: boolean
  }
}

/** The Fastify instance services register their routes on; schemas are TypeBox. */
export type ServiceApp = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

export interface HttpAppOptions {
  readonly bodyLimitBytes: number
  readonly logger: Logger
  readonly meter: PrometheusMeter
  readonly tracer: Tracer
  readonly readiness: Readiness
  /** Absent where the service itself finds out who a caller is. */
  readonly callers?: CallerReader | undefined
}

export interface HttpApp {
  readonly app: ServiceApp
  readonly streams: EventStreams
}

/** A Fastify instance on which every answer that is not a success is a problem document, and nothing else is decided yet. */
export function createHttpApp(options: HttpAppOptions): HttpApp {
  const { logger, readiness } = options
  const app = Fastify({
    logger: false,
    bodyLimit: options.bodyLimitBytes,
    // Time to receive a whole request; slower clients would hold sockets for ever.
    requestTimeout: 60_000,
    // Ids in paths are bounded by schemas, whose answers are better; this bounds what reaches them. `%2F` counts as three.
    routerOptions: { maxParamLength: 2000 },
    frameworkErrors: (error, request, reply) => {
      sendProblem(request, reply, problemOf(error))
    },
    clientErrorHandler: answerUnreadableRequest,
  }).withTypeProvider<TypeBoxTypeProvider>()
  const streams = new EventStreams(logger)
  eventStreamsOf.set(app.server, streams)
  useStrictJson(app)
  app.setValidatorCompiler(({ schema, httpPart }) =>
    compileValidator(schema, (httpPart ?? 'body') as Parameters<typeof compileValidator>[1]),
  )
  app.setErrorHandler((error, request, reply) => {
    const problem = problemOf(error)
    if (problem.status >= 500) logServerProblem(logger, request, problem)
    sendProblem(request, reply, problem)
  })
  answerUnknownRoutes(app)
  if (options.tracer.isRecording) traceRequests(app, options.tracer)
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-correlation-id', contextOf(request).correlationId)
    reply.header('x-content-type-options', 'nosniff')
    refuseMalformedUrl(request.raw.url ?? '/')
    if (!request.routeOptions.config.availableWhileStarting) refuseUnlessRunning(request, readiness)
    await options.callers?.read(request)
  })
  app.addHook('onSend', async (_request, reply) => {
    // Keep-alive would let a client go on sending to a service that shuts down.
    if (readiness.phase === ServicePhase.STOPPING) reply.header('connection', 'close')
  })
  measureRequests(app, options)
  return { app, streams }
}

/** Most bytes of a refused body that are read away, so that the client gets to the answer. */
const maxDiscardedBytes = 64 * 1024 * 1024

/**
 * Fastify closes the connection when it refuses a body. A client that still sends then gets a reset, often before it has read why.
 * Node reads away what is left of a body whose answer is out, so for bodies of a bearable length the connection may stay.
 */
function keepConnectionForRest(request: FastifyRequest, reply: FastifyReply): void {
  const sizeBytes = Number(request.headers['content-length'] ?? Infinity)
  if (!request.raw.complete && sizeBytes <= maxDiscardedBytes) reply.removeHeader('connection')
}

function sendProblem(request: FastifyRequest, reply: FastifyReply, problem: ProblemError): void {
  const { correlationId } = contextOf(request)
  keepConnectionForRest(request, reply)
  const document = problemDocument(problem, request.raw.url ?? '/', correlationId)
  // Sent as text: a response schema of the route would cut fields it does not know.
  void reply
    .code(problem.status)
    // Whatever the route said of keeping its answer was not said of this one.
    .headers({ 'cache-control': 'no-store', ...problem.headers, 'x-correlation-id': correlationId })
    .header('content-type', 'application/problem+json')
    .send(JSON.stringify(document))
}

function logServerProblem(logger: Logger, request: FastifyRequest, problem: ProblemError): void {
  const fields = {
    method: request.method,
    route: request.routeOptions.url,
    status: problem.status,
    code: problem.code,
    correlationId: contextOf(request).correlationId,
    error: problem.cause === undefined ? problem : toError(problem.cause),
  }
  // An outage shows in readiness and metrics; a line per request would flood the log just then.
  if (problem.status === 503) logger.debug('request refused', fields)
  else logger.error('request failed', fields)
}

const unreadable: Readonly<Record<string, readonly [status: string, detail: string]>> = {
  HPE_HEADER_OVERFLOW: [
    '431 Request Header Fields Too Large',
    'The URL and headers together are larger than 16 KiB. Send less, or in a body.',
  ],
  ERR_HTTP_REQUEST_TIMEOUT: [
    '408 Request Timeout',
    'The request did not arrive whole in time. Send it again.',
  ],
}

/** Bytes that are not HTTP: there is no request to answer, only a socket. */
function answerUnreadableRequest(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const [status, detail] = unreadable[error.code ?? ''] ?? [
    '400 Bad Request',
    'The request is not valid HTTP.',
  ]
  const body = JSON.stringify({
    type: 'urn:millrace:problem:MR_HTTP_BAD_REQUEST',
    title: status.slice(4),
    status: Number(status.slice(0, 3)),
    detail,
    code: 'MR_HTTP_BAD_REQUEST',
  })
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}

function answerUnknownRoutes(app: ServiceApp): void {
  const methods = new RouteMethods()
  app.addHook('onRoute', (route) => methods.add(route.method, route.url))
  app.setNotFoundHandler((request, reply) => {
    const path = request.raw.url?.split('?', 1)[0] ?? '/'
    const allowed = methods.allowedAt(path)
    // A route that took the method and then found nothing (a file, say) is no matter of methods.
    const problem =
      allowed.length > 0 && !allowed.includes(request.method)
        ? new ProblemError(
            405,
            'MR_HTTP_METHOD_NOT_ALLOWED',
            `${request.method} is not allowed here; allowed are ${allowed.join(', ')}.`,
            { headers: { allow: allowed.join(', ') } },
          )
        : new ProblemError(404, 'MR_HTTP_NO_ROUTE', 'There is nothing at this path. See /docs.')
    sendProblem(request, reply, problem)
  })
}

function refuseMalformedUrl(url: string): void {
  if (!url.includes('%')) return
  let decoded: string
  try {
    decoded = decodeURIComponent(url)
  } catch (error) {
    throw new ProblemError(
      400,
      'MR_HTTP_MALFORMED_URL',
      'The path or query holds a malformed percent-encoding, or bytes that are not UTF-8.',
      { cause: error },
    )
  }
  // Postgres cannot store it, so no id and no search text can ever hold it.
  if (decoded.includes('\0'))
    throw new ProblemError(400, 'MR_HTTP_MALFORMED_URL', 'The path or query holds U+0000.')
}

function refuseUnlessRunning(request: FastifyRequest, readiness: Readiness): void {
  if (request.is404) return
  const { phase, phaseReason } = readiness
  if (phase === ServicePhase.STARTING || phase === ServicePhase.FAILED) {
    const state = phase === ServicePhase.STARTING ? 'still starting' : 'not able to start'
    throw new ProblemError(
      503,
      'MR_HTTP_STARTING',
      `This service is ${state}${phaseReason ? `: ${phaseReason}` : ''}. Nothing was changed; try again in a moment.`,
      { headers: { 'retry-after': '1' } },
    )
  }
}

function measureRequests(app: ServiceApp, { meter, logger }: HttpAppOptions): void {
  const duration = meter.histogram({
    name: 'mr_http_request_duration_seconds',
    help: 'Time from a request to the end of its answer, by route template; event streams are left out.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  })
  app.addHook('onResponse', async (request, reply) => {
    const contentType = reply.raw.getHeader('content-type')
    if (String(contentType ?? '').startsWith('text/event-stream')) return
    const route = request.is404 ? 'none' : (request.routeOptions.url ?? 'none')
    const status = reply.raw.statusCode
    duration.observe(reply.elapsedTime / 1000, { method: request.method, route, status })
    logger.debug('request', {
      method: request.method,
      route,
      status,
      ms: Math.round(reply.elapsedTime * 10) / 10,
      correlationId: contextOf(request).correlationId,
    })
  })
}

/** A span for each request but the runtime's own; what the request publishes or asks of others belongs to it. */
function traceRequests(app: ServiceApp, tracer: Tracer): void {
  const spans = new WeakMap<IncomingMessage, Span>()
  app.addHook('onRequest', async (request) => {
    // Health and metrics are asked for every second; nobody looks for them in a trace.
    if (request.routeOptions.config.availableWhileStarting) return
    const route = request.is404 ? 'none' : (request.routeOptions.url ?? 'none')
    const span = tracer.startSpan(`${request.method} ${route}`, {
      kind: 'server',
      parent: receivedTraceparent(request.raw),
      attributes: {
        'http.request.method': request.method,
        'http.route': route,
        'url.path': request.raw.url?.split('?', 1)[0] ?? '/',
        'millrace.correlation_id': contextOf(request).correlationId,
      },
    })
    continueTrace(request, span.traceparent)
    spans.set(request.raw, span)
  })
  app.addHook('onError', async (request, _reply, error) => {
    if (problemOf(error).status >= 500) spans.get(request.raw)?.fail(error)
  })
  const end = (request: FastifyRequest, status: number): void => {
    const span = spans.get(request.raw)
    span?.setAttributes({ 'http.response.status_code': status })
    span?.end()
    spans.delete(request.raw)
  }
  app.addHook('onResponse', async (request, reply) => end(request, reply.raw.statusCode))
  app.addHook('onRequestAbort', async (request) => end(request, 499))
}
