import { ProblemError } from '@millrace/runtime'
import type { Static } from 'typebox'
import { limits } from '../domain/limits.ts'
import { catalogProblem } from '../errors.ts'
import { findProducts } from '../sql/find-products.ts'
import { listProducts } from '../sql/list-products.ts'
import type { ProductRow } from '../sql/product-row.ts'
import { basePath, type RouteContext } from './context.ts'
import {
  ListQuery,
  PricesAnswer,
  PricesBody,
  PricesQuery,
  ProductPage,
  ProductSchema,
  SkuParams,
} from './schemas.ts'

const tags = ['products']
/** What is on sale is no secret. */
const anybody = { config: { isPublic: true } }

/** Reading: needs nobody to be named. */
export function registerProducts(context: RouteContext): void {
  const { app, database } = context
  app.get(
    basePath,
    {
      ...anybody,
      schema: {
        tags,
        summary: 'Products, in the order of their skus',
        querystring: ListQuery,
        response: { 200: ProductPage },
      },
    },
    async (request) => {
      const { query, cursor, limit } = request.query
      const afterSku = cursor === undefined ? '' : skuOfCursor(cursor)
      const rows = await listProducts(database, { query, afterSku, limit: limit + 1 })
      const page = rows.slice(0, limit)
      const last = rows.length > limit ? page.at(-1) : undefined
      return { items: page.map(productToWire), nextCursor: last ? cursorOf(last.sku) : null }
    },
  )

  app.get(
    `${basePath}/:sku`,
    {
      ...anybody,
      schema: {
        tags,
        summary: 'One product',
        params: SkuParams,
        response: { 200: ProductSchema },
      },
    },
    async (request) => {
      const { sku } = request.params
      const [row] = await findProducts(database, [sku])
      if (!row) throw catalogProblem('MR_CATALOG_PRODUCT_NOT_FOUND', sku)
      return productToWire(row)
    },
  )
  registerPrices(context)
}

/** The same look-up twice: by GET for a few skus, by POST for as many as an order has lines. */
function registerPrices({ app, database }: RouteContext): void {
  const response = { 200: PricesAnswer }
  const pricesOf = async (skus: readonly string[]): Promise<Static<typeof PricesAnswer>> => {
    const asked = [...new Set(skus)]
    const rows = await findProducts(database, asked)
    const known = new Set(rows.map((row) => row.sku))
    return {
      items: rows.map(productToWire),
      missing: asked.filter((sku) => !known.has(sku)),
    }
  }
  app.get(
    `${basePath}/prices`,
    {
      ...anybody,
      schema: { tags, summary: 'Prices of some skus', querystring: PricesQuery, response },
    },
    async (request) => {
      const skus = request.query.skus.split(',').filter((sku) => sku !== '')
      if (skus.length === 0 || skus.length > limits.pricesPerLookup || skus.some(isTooLong))
        throw validation(
          'skus',
          `must be 1 to ${limits.pricesPerLookup} skus of up to 50 characters, parted by commas`,
        )
      return pricesOf(skus)
    },
  )
  app.post(
    `${basePath}/prices`,
    { ...anybody, schema: { tags, summary: 'Prices of many skus', body: PricesBody, response } },
    async (request) => pricesOf(request.body.skus),
  )
}

function isTooLong(sku: string): boolean {
  return sku.length > 50
}

export function productToWire(row: ProductRow): Static<typeof ProductSchema> {
  return { ...row, updatedAt: row.updatedAt.toISOString() }
}

function cursorOf(sku: string): string {
  return Buffer.from(sku).toString('base64url')
}

/** @throws ProblemError 400 for what `cursorOf` cannot have made */
function skuOfCursor(cursor: string): string {
  const sku = Buffer.from(cursor, 'base64url').toString('utf8')
  if (sku !== '' && sku.length <= 50 && !sku.includes('\0') && cursorOf(sku) === cursor) return sku
  throw validation('cursor', 'is not a nextCursor of this list')
}

function validation(field: string, reason: string): ProblemError {
  return new ProblemError(
    400,
    'MR_HTTP_VALIDATION',
    `The query of the request does not fit: ${field} ${reason}.`,
    { errors: [{ field, reason, in: 'query' }] },
  )
}
