import httpProxy from '@fastify/http-proxy'
import { Transform, type Readable } from 'node:stream'
import {
  contextOf,
  identityHeader,
  looksLikeJwt,
  relayEvents,
  type FastifyReply,
  type FastifyRequest,
  type ServiceApp,
} from '@millrace/runtime'
import type { Counter, Meter } from '@millrace/core'
import { bearerOf, type Identity, type KnownCaller } from './identity.ts'
import { bodyTooLarge, limitedBody } from './limited-body.ts'
import type { ServiceInstances } from './service-instances.ts'
import { failureKind, isConnectFailure, upstreamProblem } from './upstream-problem.ts'

/** Longest wait for a connection to a service, ms: they are near. */
const connectTimeoutMs = 1000
/** Longest silence within an answer, ms. Event streams send heartbeats far more often. */
const bodyTimeoutMs = 60_000

export interface ProxyRoute {
  readonly prefix: string
  readonly instances: ServiceInstances
}

export interface ProxyOptions {
  readonly routes: readonly ProxyRoute[]
  readonly identity: Identity
  readonly bodyLimitBytes: number
  readonly upstreamTimeoutMs: number
  readonly meter: Meter
}

/**
 * Passes requests on by prefix. Path and query go out byte for byte, bodies both ways as they come. Headers that name the user, the
 * correlation or the way here are ours alone.
 */
export async function registerProxy(app: ServiceApp, options: ProxyOptions): Promise<void> {
  await app.register(async (scope) => {
    // Bodies are not read here, so any content type is fine; the service behind decides.
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (request, payload, done) => {
      if (Number(request.headers['content-length'] ?? 0) > options.bodyLimitBytes)
        return done(bodyTooLarge(options.bodyLimitBytes))
      done(null, limitedBody(request.raw, options.bodyLimitBytes))
    })
    scope.addHook('preHandler', async (request) => {
      callers.set(request, await options.identity.identify(request))
    })
    // A request answered before its body went out (an unknown demo user, say): what still comes must be read away.
    scope.addHook('onResponse', async (request) => {
      if (request.body instanceof Transform) request.body.destroy()
    })
    for (const route of options.routes) await registerRoute(scope, route, options)
  })
}

/** Who sends a request that is under way; null for somebody unknown, who gets as far as the service lets them. */
const callers = new WeakMap<FastifyRequest, KnownCaller | null>()

type ReplyOptions = NonNullable<Parameters<FastifyReply['from']>[1]>

async function registerRoute(
  scope: ServiceApp,
  { prefix, instances }: ProxyRoute,
  options: ProxyOptions,
): Promise<void> {
  const { identity } = options
  const failures = options.meter.counter({
    name: 'mr_gateway_upstream_failures_total',
    help: 'Requests to a service that got no answer: connect (never reached it), broken, timeout, client (the body broke off or was too large).',
    labelNames: ['service', 'kind'],
  })
  await scope.register(httpProxy, {
    prefix,
    rewritePrefix: prefix,
    upstream: '',
    // Our parser above stands; the plugin's own would refuse to be registered beside it.
    proxyPayloads: false,
    disableRequestLogging: true,
    destroyAgent: true,
    undici: {
      connections: 256,
      connect: { timeout: connectTimeoutMs },
      headersTimeout: options.upstreamTimeoutMs,
      bodyTimeout: bodyTimeoutMs,
    },
    replyOptions: { getUpstream: () => instances.urls[0] ?? '' },
    handler: (request, reply, destination) =>
      forward({ request, reply, destination, instances, identity, failures, tried: [] }),
  })
}

interface Forwarding {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly destination: string
  readonly instances: ServiceInstances
  readonly identity: Identity
  readonly failures: Counter
  /** Instances that could not be reached for this request. */
  readonly tried: readonly string[]
}

function forward(work: Forwarding): unknown {
  const { request, instances, tried } = work
  const named = headersOfCaller(work.identity, callers.get(request) ?? null)
  const upstream = instances.pick(tried)
  const options: ReplyOptions = {
    getUpstream: () => upstream,
    rewriteRequestHeaders: (_request, headers) => requestHeaders(request, headers, named),
    rewriteHeaders: responseHeaders,
    onResponse: (_request, _reply, response) => {
      const { reply } = work
      // An instance that still starts answers 503: others are asked for the next second.
      if (reply.statusCode === 503) instances.markDown(upstream)
      else instances.markUp(upstream)
      // Clients still sending a body that the service refused early would otherwise be cut off before they read why.
      if (Number(request.headers['content-length']) > 0) reply.removeHeader('connection')
      // Fastify sends the head with the first bytes of the body, and an event stream may have none for long.
      if (String(reply.getHeader('content-type') ?? '').startsWith('text/event-stream'))
        void relayEvents(reply, streamOf(response))
      else void reply.send(streamOf(response))
    },
    onError: (reply, { error }) => {
      const kind = failureKind(error)
      if (kind !== 'client') instances.markDown(upstream)
      work.failures.add(1, { service: instances.name, kind })
      const nowTried = [...tried, upstream]
      // A body has been taken from the client already and cannot be sent twice.
      const isRepeatable = isConnectFailure(error) && request.body === undefined
      if (isRepeatable && instances.hasOther(nowTried)) forward({ ...work, tried: nowTried })
      else void reply.send(upstreamProblem(instances.name, error))
    },
    // By default the plugin sends a GET that was answered 503 up to ten times more, at once. Clients are told when to come back.
    retryDelay: () => null,
  }
  return work.reply.from(work.destination, options)
}

/** The plugin types its answer as a server's response; it is an object around the body. */
function streamOf(response: unknown): Readable {
  return (response as { readonly stream: Readable }).stream
}

/** RFC 9110 7.6.1, and what this gateway alone may say. `expect` was answered by our own server. */
const notPassedOn = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
  'cookie',
  'forwarded',
  'x-demo-user',
  'x-identity',
  'x-user-id',
  'x-user-roles',
])

type Headers = Record<string, string | string[] | undefined>

/** What services are told of a caller: signed, and plainly for those in development that have no keys. */
function headersOfCaller(identity: Identity, caller: KnownCaller | null): Headers {
  if (!caller) return {}
  return {
    [identityHeader]: identity.signer.sign(caller),
    'x-user-id': caller.userId,
    'x-user-roles': caller.roles.join(','),
  }
}

function requestHeaders<T extends Headers>(request: FastifyRequest, headers: T, named: Headers): T {
  const { correlationId, traceparent } = contextOf(request)
  // An access token has done its work here; tokens of another kind, such as that of an import, are for the service.
  const bearer = bearerOf(request)
  const isTokenOurs = bearer !== undefined && looksLikeJwt(bearer)
  const kept = Object.entries(headers).filter(
    ([name]) =>
      !notPassedOn.has(name) &&
      !name.startsWith('x-forwarded-') &&
      !(isTokenOurs && name === 'authorization'),
  )
  return {
    ...Object.fromEntries(kept),
    ...named,
    'x-correlation-id': correlationId,
    traceparent,
    'x-forwarded-for': request.ip,
    'x-forwarded-host': request.host,
    'x-forwarded-proto': request.protocol,
  } as unknown as T
}

function responseHeaders<T extends Headers>(headers: T): T {
  const kept = Object.entries(headers).filter(([name]) => !notPassedOn.has(name))
  return Object.fromEntries(kept) as T
}
