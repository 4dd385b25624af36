import { ProblemError } from '@millrace/runtime'

/** Codes of this service's own problems, and their status; those of the runtime come on top. */
export const catalogProblems = {
  MR_CATALOG_PRODUCT_NOT_FOUND: 404,
  MR_CATALOG_SKU_TAKEN: 409,
} as const

const words: Readonly<Record<keyof typeof catalogProblems, (sku: string) => string>> = {
  MR_CATALOG_PRODUCT_NOT_FOUND: (sku) =>
    `There is no product "${sku}", or it was removed. Nothing was changed.`,
  MR_CATALOG_SKU_TAKEN: (sku) =>
    `There is a product "${sku}" already. Change it with PUT or PATCH, or take another sku.`,
}

export function catalogProblem(code: keyof typeof catalogProblems, sku: string): ProblemError {
  return new ProblemError(catalogProblems[code], code, words[code](sku))
}
