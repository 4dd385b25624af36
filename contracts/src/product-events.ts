import { defineEvent } from '@millrace/events'
import { Type } from 'typebox'
import { SkuSchema, MillsSchema } from './order-schemas.ts'
import { productEventsTopic } from './topics.ts'

const data = Type.Object({
  sku: SkuSchema,
  name: Type.String({ minLength: 1, maxLength: 300 }),
  unitPriceMills: MillsSchema,
  /** What a quantity counts, such as `piece`. */
  stockUnit: Type.String({ minLength: 1, maxLength: 30 }),
})

const product = { aggregateType: 'product', topic: productEventsTopic.name, version: 1 } as const

export const productCreated = defineEvent({
  ...product,
  eventType: 'PRODUCT_CREATED',
  description: 'A product was added to the catalogue.',
  data,
})

export const productChanged = defineEvent({
  ...product,
  eventType: 'PRODUCT_CHANGED',
  description:
    'Name, price or unit of a product changed; the event carries all of it after the change.',
  data,
})

export const productRemoved = defineEvent({
  ...product,
  eventType: 'PRODUCT_REMOVED',
  description: 'A product can no longer be ordered.',
  data: Type.Object({ sku: SkuSchema }),
})

/** All events on `product-events`, keyed by sku. */
export const productEvents = [productCreated, productChanged, productRemoved] as const
