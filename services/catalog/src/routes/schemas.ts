import { MillsSchema, SkuSchema } from '@millrace/contracts'
import { Type } from 'typebox'
import { limits } from '../domain/limits.ts'

const exact = { additionalProperties: false } as const

/** A sku that may be given to a product: lists of skus are parted by commas, and blanks at the ends would be lost on the way. */
const NewSku = Type.String({
  minLength: 1,
  maxLength: 50,
  pattern: '^[^\\s,](?:[^,\\t\\r\\n]*[^\\s,])?$',
  description: 'Up to 50 characters, no comma, no blank at either end',
})
const Name = Type.String({ minLength: 1, maxLength: 300, pattern: '\\S' })
const Price = Type.Integer({
  ...MillsSchema,
  description: 'Thousandths of a pound',
})
const Unit = Type.String({
  minLength: 1,
  maxLength: 30,
  pattern: '\\S',
  description: 'What a quantity counts, such as piece',
})

export const SkuParams = Type.Object({ sku: SkuSchema })
export const NewSkuParams = Type.Object({ sku: NewSku })

export const ProductBody = Type.Object(
  { name: Name, unitPriceMills: Price, stockUnit: Unit },
  exact,
)
export const NewProductBody = Type.Object(
  { sku: NewSku, name: Name, unitPriceMills: Price, stockUnit: Unit },
  exact,
)
export const ProductChangeBody = Type.Object(
  {
    name: Type.Optional(Name),
    unitPriceMills: Type.Optional(Price),
    stockUnit: Type.Optional(Unit),
  },
  { ...exact, description: 'What is left out stays' },
)

export const ListQuery = Type.Object(
  {
    query: Type.String({ maxLength: 100, default: '', description: 'Part of a sku or name' }),
    cursor: Type.Optional(
      Type.String({ minLength: 1, maxLength: 300, description: 'nextCursor of the page before' }),
    ),
    limit: Type.Integer({ minimum: 1, maximum: limits.pageSize, default: 20 }),
  },
  exact,
)

const Skus = Type.Array(SkuSchema, { minItems: 1, maxItems: limits.pricesPerLookup })
export const PricesQuery = Type.Object(
  {
    skus: Type.String({
      minLength: 1,
      maxLength: limits.pricesPerLookup * 51,
      description: 'Skus, parted by commas',
    }),
  },
  exact,
)
export const PricesBody = Type.Object({ skus: Skus }, exact)

export const ProductSchema = Type.Object({
  sku: Type.String(),
  name: Type.String(),
  unitPriceMills: Type.Integer({ description: 'Thousandths of a pound' }),
  stockUnit: Type.String(),
  updatedAt: Type.String({ description: 'ISO 8601, UTC' }),
})
export const ProductPage = Type.Object({
  items: Type.Array(ProductSchema),
  nextCursor: Type.Union([Type.String(), Type.Null()]),
})
export const PricesAnswer = Type.Object({
  items: Type.Array(ProductSchema, { description: 'Each sku once, in the order of the skus' }),
  missing: Type.Array(Type.String(), { description: 'Skus that cannot be ordered' }),
})

export const ImportBody = Type.Object(
  { products: Type.Array(NewProductBody, { minItems: 1, maxItems: limits.importProducts }) },
  exact,
)
export const ImportResult = Type.Object({
  results: Type.Array(
    Type.Object({
      sku: Type.String(),
      result: Type.Union([Type.Literal('created'), Type.Literal('exists')]),
    }),
  ),
})
