import swagger from '@fastify/swagger'
import { ProblemSchema } from './problem.ts'
import type { ServiceApp } from './http-app.ts'

export interface ApiInfo {
  readonly name: string
  readonly version: string
  readonly description: string
}

/** Gathers every route that is registered later into an OpenAPI 3.1 document (`app.swagger()`). */
export async function registerOpenApi(app: ServiceApp, info: ApiInfo): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: info.name, version: info.version, description: info.description },
    },
    transform: ({ schema, url }) => ({
      url,
      // Every route may answer with a problem; saying it here keeps it out of each route's schema.
      schema: {
        ...schema,
        response: {
          ...(schema?.['response'] as object | undefined),
          default: {
            description: 'Any error: a problem document (RFC 9457)',
            content: { 'application/problem+json': { schema: ProblemSchema } },
          },
        },
      },
    }),
  })
}
