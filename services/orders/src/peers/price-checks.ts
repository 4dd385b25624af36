import { maxOrderLines, MillsSchema, SkuSchema } from '@millrace/contracts'
import { Gathering, type Clock } from '@millrace/core'
import type { Queryable } from '@millrace/postgres'
import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { findKnownPrices } from '../sql/find-known-prices.ts'
import type { Asking } from './peer.ts'

/** What is sold at which price, and who said so. */
export interface Prices {
  readonly priceCheck: 'checked' | 'projected'
  /** Perhaps of other products too. */
  readonly priceOf: ReadonlyMap<string, number>
  /** False: what is missing in `priceOf` may be sold all the same, nobody here knows. */
  readonly isComplete: boolean
}

interface Asked {
  readonly skus: readonly string[]
  readonly journey: Readonly<Record<string, string>>
  readonly askedMs: number
}

const maxUnderWay = 2

const answerShape = Compile(
  Type.Object({
    items: Type.Array(Type.Object({ sku: SkuSchema, unitPriceMills: MillsSchema })),
  }),
)

/** Asks the catalogue for the products of orders that come at about the same time, by one request: each after it came, so prices are those of then. */
export class PriceChecks {
  readonly #catalog: Asking
  readonly #database: Queryable
  readonly #clock: Clock
  readonly #lookUps: Gathering<Asked, ReadonlyMap<string, number> | undefined>

  constructor(catalog: Asking, database: Queryable, clock: Clock) {
    this.#catalog = catalog
    this.#database = database
    this.#clock = clock
    this.#lookUps = new Gathering({
      run: (asked) => this.#lookUp(asked),
      maxUnderWay,
      weightOf: ({ skus }) => skus.length,
      // As many as the catalogue takes.
      maxWeight: maxOrderLines,
    })
  }

  /**
   * What the catalogue says; where it does not answer, what its events have said before.
   * @param journey headers of the request; those of the first go with a look-up for many
   */
  async find(skus: readonly string[], journey: Readonly<Record<string, string>>): Promise<Prices> {
    const asked = [...new Set(skus)]
    const askedMs = this.#clock.monotonicMs()
    const answered = await this.#lookUps.ask({ skus: asked, journey, askedMs })
    if (answered) return { priceCheck: 'checked', priceOf: answered, isComplete: true }
    const known = await findKnownPrices(this.#database, asked)
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

  async #lookUp(
    asked: readonly Asked[],
  ): Promise<readonly (ReadonlyMap<string, number> | undefined)[]> {
    const [oldest] = asked
    const answer = await this.#catalog.ask({
      path: '/api/products/prices',
      headers: oldest?.journey ?? {},
      body: { skus: [...new Set(asked.flatMap(({ skus }) => skus))] },
      askedMs: oldest?.askedMs,
    })
    if (answer?.status !== 200 || !answerShape.Check(answer.body)) return asked.map(() => undefined)
    const { items } = answer.body
    const priceOf = new Map(items.map(({ sku, unitPriceMills }) => [sku, unitPriceMills]))
    return asked.map(() => priceOf)
  }
}
