import { MillsSchema, SkuSchema } from '@millrace/contracts'
import type { Queryable } from '@millrace/postgres'
import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { findKnownPrices } from '../sql/find-known-prices.ts'
import type { Peer } from './peer.ts'

/** What is sold at which price, and who said so. */
export interface Prices {
  readonly priceCheck: 'checked' | 'projected'
  readonly priceOf: ReadonlyMap<string, number>
  /** False: what is missing in `priceOf` may be sold all the same, nobody here knows. */
  readonly isComplete: boolean
}

const answerShape = Compile(
  Type.Object({
    items: Type.Array(Type.Object({ sku: SkuSchema, unitPriceMills: MillsSchema })),
  }),
)

/** Asks the catalogue; where it does not answer, what its events have said before. */
export async function findPrices(
  catalog: Peer,
  database: Queryable,
  skus: readonly string[],
  headers: Readonly<Record<string, string>>,
): Promise<Prices> {
  const asked = [...new Set(skus)]
  const answer = await catalog.ask({ path: '/api/products/prices', headers, body: { skus: asked } })
  if (answer?.status === 200 && answerShape.Check(answer.body)) {
    const { items } = answer.body
    const priceOf = new Map(items.map(({ sku, unitPriceMills }) => [sku, unitPriceMills]))
    return { priceCheck: 'checked', priceOf, isComplete: true }
  }
  const known = await findKnownPrices(database, asked)
  return {
    priceCheck: 'projected',
    priceOf: new Map(
      known.flatMap(({ sku, unitPriceMills, isRemoved }) =>
        isRemoved ? [] : [[sku, unitPriceMills]],
      ),
    ),
    // A removed product is known to be sold no more.
    isComplete: known.length === asked.length,
  }
}
