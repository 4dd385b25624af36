import type { Static } from 'typebox'
import type { SkuSchema } from './order-schemas.ts'

/** A product that is there from the first minute in development. */
export interface DemoProduct {
  readonly sku: Static<typeof SkuSchema>
  readonly name: string
  /** Thousandths of a pound. */
  readonly unitPriceMills: number
  /** What a quantity counts. */
  readonly stockUnit: string
  /** What stock has of it at first; 0: an order of it is refused. */
  readonly onHand: number
}

/** What catalog and stock hold in development before anybody adds something; production begins empty. */
export const demoAssortment: readonly DemoProduct[] = [
  ['MR-MUG', 'Mug with a mill wheel', 7_500, 'piece', 1_000],
  ['MR-TEAPOT', 'Teapot, stoneware', 24_950, 'piece', 400],
  ['MR-LANTERN', 'Metal lantern', 12_490, 'piece', 600],
  ['MR-CANDLE', 'Beeswax candle', 3_250, 'piece', 5_000],
  ['MR-BASKET', 'Willow basket', 18_000, 'piece', 300],
  ['MR-BLANKET', 'Wool blanket', 59_900, 'piece', 120],
  ['MR-FLOUR', 'Stone-ground flour, 1 kg', 2_150, 'bag', 10_000],
  ['MR-JAM', 'Damson jam', 4_375, 'jar', 2_000],
  ['MR-NOTEBOOK', 'Notebook, 96 leaves', 6_800, 'piece', 1_500],
  ['MR-CLOCK', 'Railway clock', 89_000, 'piece', 25],
  ['MR-LAST', 'Last one of its kind', 45_000, 'piece', 1],
  ['MR-GONE', 'Sold out: orders of it are refused', 9_990, 'piece', 0],
].map(([sku, name, unitPriceMills, stockUnit, onHand]) => ({
  sku: String(sku),
  name: String(name),
  unitPriceMills: Number(unitPriceMills),
  stockUnit: String(stockUnit),
  onHand: Number(onHand),
}))
