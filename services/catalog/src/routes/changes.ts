import { answerOnce, causationOf } from '@millrace/runtime'
import { Type } from 'typebox'
import {
  changeProduct,
  createProduct,
  putProduct,
  removeProduct,
  type Written,
} from '../catalog.ts'
import { basePath, type RouteContext } from './context.ts'
import { productToWire } from './products.ts'
import {
  NewProductBody,
  NewSkuParams,
  ProductBody,
  ProductChangeBody,
  ProductSchema,
  SkuParams,
} from './schemas.ts'

const tags = ['changes']

/** Changes of the assortment, by staff. */
export function registerChanges(context: RouteContext): void {
  const { app, outbox, keys, managerOf } = context

  app.post(
    basePath,
    {
      schema: {
        tags,
        summary: 'Add a product',
        body: NewProductBody,
        response: { 201: ProductSchema },
      },
    },
    async (request, reply) => {
      managerOf(request)
      return answerOnce(request, reply, {
        outbox,
        keys,
        act: async (tx) => answerOf(await createProduct(tx, request.body, causationOf(request))),
      })
    },
  )

  app.put(
    `${basePath}/:sku`,
    {
      schema: {
        tags,
        summary: 'Add a product, or make it what is given',
        params: NewSkuParams,
        body: ProductBody,
        response: { 200: ProductSchema, 201: ProductSchema },
      },
    },
    async (request, reply) => {
      managerOf(request)
      const product = { ...request.body, sku: request.params.sku }
      return answerOnce(request, reply, {
        outbox,
        keys,
        act: async (tx) => answerOf(await putProduct(tx, product, causationOf(request))),
      })
    },
  )

  app.patch(
    `${basePath}/:sku`,
    {
      schema: {
        tags,
        summary: 'Change name, price or unit of a product',
        params: SkuParams,
        body: ProductChangeBody,
        response: { 200: ProductSchema },
      },
    },
    async (request, reply) => {
      managerOf(request)
      const { sku } = request.params
      return answerOnce(request, reply, {
        outbox,
        keys,
        act: async (tx) =>
          answerOf(await changeProduct(tx, sku, request.body, causationOf(request))),
      })
    },
  )

  app.delete(
    `${basePath}/:sku`,
    {
      schema: {
        tags,
        summary: 'Remove a product: it can no longer be ordered',
        params: SkuParams,
        response: { 204: Type.Null({ description: 'Removed' }) },
      },
    },
    async (request, reply) => {
      managerOf(request)
      const { sku } = request.params
      return answerOnce(request, reply, {
        outbox,
        keys,
        act: async (tx) => ({
          status: 204,
          headers: { 'x-event-id': await removeProduct(tx, sku, causationOf(request)) },
          body: null,
        }),
      })
    },
  )
}

function answerOf({ product, eventId, isNew }: Written) {
  return {
    status: isNew ? 201 : 200,
    headers: {
      ...(eventId !== null && { 'x-event-id': eventId }),
      ...(isNew && { location: `${basePath}/${encodeURIComponent(product.sku)}` }),
    },
    body: productToWire(product),
  }
}
