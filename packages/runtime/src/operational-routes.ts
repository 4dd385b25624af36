import { Type } from 'typebox'
import { renderDocsPage, type OpenApiDocument } from './docs-page.ts'
import type { ServiceApp } from './http-app.ts'
import type { ApiInfo } from './openapi.ts'
import type { PrometheusMeter } from './prometheus-meter.ts'
import { withoutReasons, type Readiness } from './readiness.ts'
import type { ReasonsCheck } from './service.ts'

const PartSchema = Type.Object({
  name: Type.String(),
  state: Type.String({ description: 'up, starting or down' }),
  reason: Type.Union([Type.String(), Type.Null()]),
})

const ReadySchema = Type.Object({
  service: Type.String(),
  version: Type.String(),
  status: Type.String({ description: 'ready, starting, unavailable, failed or stopping' }),
  parts: Type.Array(PartSchema),
})

/** /health/live, /health/ready, /metrics, /openapi.json and /docs: the same on every service, and answered from the first moment. */
export function registerOperationalRoutes(
  app: ServiceApp,
  info: ApiInfo,
  parts: {
    readonly readiness: Readiness
    readonly meter: PrometheusMeter
    readonly mayReadReasons: () => ReasonsCheck | undefined
  },
): void {
  const { readiness, meter, mayReadReasons } = parts
  const config = { availableWhileStarting: true, isPublic: true }
  const tags = ['operations']

  app.get(
    '/health/live',
    {
      config,
      schema: {
        tags,
        summary: 'The process answers',
        response: { 200: Type.Object({ service: Type.String(), status: Type.String() }) },
      },
    },
    async () => ({ service: info.name, status: 'live' }),
  )

  app.get(
    '/health/ready',
    {
      config,
      schema: {
        tags,
        summary: 'All that the service needs is there',
        description: '200 when requests will be served; 503 with what is missing otherwise.',
        response: { 200: ReadySchema, 503: ReadySchema },
      },
    },
    async (request, reply) => {
      const check = mayReadReasons()
      const [found, isTold] = await Promise.all([readiness.report(), check?.(request) ?? true])
      const report = isTold ? found : withoutReasons(found)
      void reply.code(report.status === 'ready' ? 200 : 503).header('cache-control', 'no-store')
      return {
        service: info.name,
        version: info.version,
        status: report.status,
        parts: [...report.parts],
      }
    },
  )

  app.get(
    '/metrics',
    { config, schema: { tags, summary: 'Figures in Prometheus text format' } },
    async (_request, reply) => reply.type(meter.contentType).send(await meter.scrape()),
  )

  app.get('/openapi.json', { config, schema: { hide: true } }, async (_request, reply) =>
    reply.type('application/json').send(JSON.stringify(app.swagger())),
  )

  app.get('/docs', { config, schema: { hide: true } }, async (_request, reply) =>
    reply
      .type('text/html; charset=utf-8')
      .header(
        'content-security-policy',
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
      )
      .send(renderDocsPage(app.swagger() as OpenApiDocument)),
  )
}
