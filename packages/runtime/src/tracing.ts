/** Spans by OpenTelemetry, exported by OTLP: the only importer of its SDK, which a process pays for only where an address is configured. */
import type * as Api from '@opentelemetry/api'
import { toError, type Logger, type Span, type SpanKind, type Tracer } from '@millrace/core'
import { isTraceparent } from './request-context.ts'

export interface TracingOptions {
  readonly serviceName: string
  readonly serviceVersion: string
  /** `http://collector:4318`; `/v1/traces` is added. */
  readonly endpoint: string
  /** `name=value` each. */
  readonly headers: readonly string[]
  /** 0 to 1, of the traces that begin here. */
  readonly ratio: number
  readonly logger: Logger
}

export interface Tracing {
  readonly tracer: Tracer
  /** Sends what is left, for 5 s at most. Never rejects. */
  close(): Promise<void>
}

const exportTimeoutMs = 5_000
/** Spans that wait for export; more are dropped, never the work that they tell of. */
const maxQueueSize = 8_192

/** Spans are sent in the background once a second; a collector that is away costs the spans and nothing else. */
export async function startTracing(options: TracingOptions): Promise<Tracing> {
  const [api, sdk, { resourceFromAttributes }, { OTLPTraceExporter }] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/exporter-trace-otlp-http'),
  ])
  const exporter = new OTLPTraceExporter({
    url: `${options.endpoint.replace(/\/+$/, '')}/v1/traces`,
    headers: Object.fromEntries(options.headers.map(headerOf)),
    timeoutMillis: exportTimeoutMs,
  })
  const provider = new sdk.TracerProvider({
    resource: resourceFromAttributes({
      'service.name': options.serviceName,
      'service.version': options.serviceVersion,
    }),
    sampler: new sdk.ParentBasedSampler({ root: new sdk.TraceIdRatioBasedSampler(options.ratio) }),
    spanProcessors: [
      new sdk.BatchSpanProcessor({
        exporter,
        maxQueueSize,
        scheduledDelayMillis: 1_000,
        exportTimeoutMillis: exportTimeoutMs,
      }),
    ],
  })
  const tracer = new OpenTelemetryTracer(api, provider.getTracer('@millrace/runtime'))
  return {
    tracer,
    close: () =>
      provider
        .shutdown()
        .catch((error: unknown) =>
          options.logger.debug('the last spans were not sent', { error: toError(error) }),
        ),
  }
}

function headerOf(text: string): readonly [string, string] {
  const at = text.indexOf('=')
  return at < 0
    ? [text.trim(), '']
    : [text.slice(0, at).trim(), decodeURIComponent(text.slice(at + 1).trim())]
}

class OpenTelemetryTracer implements Tracer {
  readonly isRecording = true
  readonly #api: typeof Api
  readonly #tracer: Api.Tracer
  readonly #kinds: Readonly<Record<SpanKind, Api.SpanKind>>

  constructor(api: typeof Api, tracer: Api.Tracer) {
    this.#api = api
    this.#tracer = tracer
    const { SERVER, CLIENT, PRODUCER, CONSUMER, INTERNAL } = api.SpanKind
    this.#kinds = {
      server: SERVER,
      client: CLIENT,
      producer: PRODUCER,
      consumer: CONSUMER,
      internal: INTERNAL,
    }
  }

  startSpan(name: string, options: Parameters<Tracer['startSpan']>[1]): Span {
    const { ROOT_CONTEXT, trace, SpanStatusCode } = this.#api
    const parent = remoteContext(options.parent)
    const span = this.#tracer.startSpan(
      name,
      {
        kind: this.#kinds[options.kind],
        ...(options.startMs === undefined ? {} : { startTime: options.startMs }),
        ...(options.attributes === undefined ? {} : { attributes: options.attributes }),
      },
      parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent),
    )
    return {
      traceparent: traceparentOf(span.spanContext()),
      setAttributes: (attributes) => void span.setAttributes(attributes),
      fail: (thrown) => {
        const error = toError(thrown)
        span.recordException(error)
        span.setStatus({ code: SpanStatusCode.ERROR, message: error.message })
      },
      end: (endMs) => span.end(endMs),
    }
  }
}

function remoteContext(traceparent: string | undefined): Api.SpanContext | undefined {
  if (traceparent === undefined || !isTraceparent(traceparent)) return undefined
  const [, traceId = '', spanId = '', flags = ''] = traceparent.split('-')
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1, isRemote: true }
}

function traceparentOf({ traceId, spanId, traceFlags }: Api.SpanContext): string {
  return `00-${traceId}-${spanId}-0${traceFlags & 1}`
}
