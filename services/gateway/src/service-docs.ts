import { ProblemError, type ServiceApp } from '@millrace/runtime'
import { Type } from 'typebox'
import type { ServiceInstances } from './service-instances.ts'
import { upstreamProblem } from './upstream-problem.ts'

const timeoutMs = 3000

/** The API pages of the services behind, so that one address is enough to read them all. */
export function registerServiceDocs(
  app: ServiceApp,
  services: ReadonlyMap<string, ServiceInstances>,
): void {
  const fetchFrom = async (name: string, path: string): Promise<Response> => {
    const instances = services.get(name)
    if (!instances) {
      throw new ProblemError(
        404,
        'MR_GATEWAY_UNKNOWN_SERVICE',
        `No service is called ${name}; there are ${[...services.keys()].join(', ')}.`,
      )
    }
    try {
      return await fetch(`${instances.pick()}${path}`, { signal: AbortSignal.timeout(timeoutMs) })
    } catch (error) {
      throw upstreamProblem(name, error)
    }
  }
  const schema = {
    tags: ['documentation'],
    params: Type.Object({ service: Type.String({ maxLength: 100, examples: ['discussions'] }) }),
  }
  app.get(
    '/docs/:service/',
    { schema: { ...schema, summary: 'API of a service, to read' } },
    async (request, reply) => {
      const page = await fetchFrom(request.params.service, '/docs')
      return reply
        .code(page.status)
        .type('text/html; charset=utf-8')
        .header(
          'content-security-policy',
          "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        )
        .send(await page.text())
    },
  )
  app.get('/docs/:service', { schema: { ...schema, hide: true } }, async (request, reply) =>
    reply.redirect(`/docs/${encodeURIComponent(request.params.service)}/`),
  )
  app.get(
    '/docs/:service/openapi.json',
    { schema: { ...schema, summary: 'API of a service as OpenAPI 3.1' } },
    async (request, reply) => {
      const document = await fetchFrom(request.params.service, '/openapi.json')
      return reply
        .code(document.status)
        .type('application/json')
        .send(await document.text())
    },
  )
}
