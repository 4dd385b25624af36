import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Invoices of our own making, of all kinds. */
export const sample = fileURLToPath(
  new URL('../../fixtures/invoices-sample.jsonl', import.meta.url),
)

/** Real invoices, which lie beside the repository and not in it; seen from its root. */
const realFile = '../shared/data/orders.jsonl.gz'
export const real = fileURLToPath(new URL(`../../../${realFile}`, import.meta.url))
export const whyNotReal = existsSync(real) ? false : `${realFile} is not here`
