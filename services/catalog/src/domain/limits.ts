/** Bounds of what may be asked for. Those of a product stand in its schema. */
export const limits = {
  pageSize: 100,
  /** Skus of one look-up of prices; as many as an order may have lines. */
  pricesPerLookup: 1_000,
  importProducts: 1_000,
  importBodyBytes: 2 * 1024 * 1024,
} as const
