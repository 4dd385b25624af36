import { causationOf, checkImportToken } from '@millrace/runtime'
import { importProducts } from '../catalog.ts'
import { limits } from '../domain/limits.ts'
import { basePath, type RouteContext } from './context.ts'
import { ImportBody, ImportResult } from './schemas.ts'

/** The door for trusted imports: products that orders of a file name. */
export function registerImport({ app, outbox }: RouteContext, token: string | null): void {
  app.post(
    `${basePath}/import`,
    {
      bodyLimit: limits.importBodyBytes,
      // The token decides, not who sends it.
      config: { isPublic: true },
      onRequest: async (request) => checkImportToken(request, token),
      schema: {
        tags: ['import'],
        summary: 'Add products that are missing; for the import command',
        description: 'Needs `Authorization: Bearer <IMPORT_TOKEN>`. A batch is one transaction.',
        body: ImportBody,
        response: { 200: ImportResult },
      },
    },
    async (request) => {
      const { products } = request.body
      const created = await outbox.transaction((tx) =>
        importProducts(tx, products, causationOf(request)),
      )
      const told = new Set<string>()
      return {
        results: products.map(({ sku }) => {
          const isCreated = created.has(sku) && !told.has(sku)
          told.add(sku)
          return { sku, result: isCreated ? ('created' as const) : ('exists' as const) }
        }),
      }
    },
  )
}
