/** What a span was, in OpenTelemetry's words. */
export type SpanKind = 'server' | 'client' | 'producer' | 'consumer' | 'internal'

export type SpanAttributes = Readonly<Record<string, string | number | boolean>>

export interface SpanOptions {
  readonly kind: SpanKind
  /** W3C trace context of what caused it; without one a trace begins here. */
  readonly parent?: string | undefined
  /** When it began, ms since the epoch. Now by default. */
  readonly startMs?: number
  readonly attributes?: SpanAttributes
}

/** Something that took time. */
export interface Span {
  /** W3C trace context for what this causes: its own, or where nothing is recorded that of its parent (undefined without one). */
  readonly traceparent: string | undefined
  setAttributes(attributes: SpanAttributes): void
  /** Marks it as failed. */
  fail(error: unknown): void
  /** @param endMs ms since the epoch; now by default */
  end(endMs?: number): void
}

/** Where libraries of ours report what took how long. Ids belong here, not into metrics. */
export interface Tracer {
  /** False where spans go nowhere, so that work for them can be spared. */
  readonly isRecording: boolean
  startSpan(name: string, options: SpanOptions): Span
}

/** Records nothing and hands trace contexts on. The default where a library is used without a tracer. */
export const noopTracer: Tracer = {
  isRecording: false,
  startSpan: (_name, { parent }) => ({
    traceparent: parent,
    setAttributes: () => {},
    fail: () => {},
    end: () => {},
  }),
}
