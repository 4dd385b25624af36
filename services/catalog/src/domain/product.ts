/** What a product is: the same fields in the table, on the wire and in its events. */
export interface Product {
  readonly sku: string
  readonly name: string
  /** Thousandths of a pound. */
  readonly unitPriceMills: number
  /** What a quantity counts, such as `piece`. */
  readonly stockUnit: string
}

export function isSameProduct(one: Product, other: Product): boolean {
  return (
    one.sku === other.sku &&
    one.name === other.name &&
    one.unitPriceMills === other.unitPriceMills &&
    one.stockUnit === other.stockUnit
  )
}
