import {
  productChanged,
  productCreated,
  productRemoved,
  type productEvents,
} from '@millrace/contracts'
import { createEvent, type CausationContext, type NewEvent } from '@millrace/events'
import type { OutboxTransaction } from '@millrace/outbox'
import { isSameProduct, type Product } from './domain/product.ts'
import { catalogProblem } from './errors.ts'
import { insertProducts } from './sql/insert-product.ts'
import { lockProduct } from './sql/lock-product.ts'
import type { ProductRow } from './sql/product-row.ts'
import { updateProduct } from './sql/update-product.ts'

/*
 * What can happen to products. Each act changes its row and leaves the event of it with the commit; it holds the row's lock by then, so
 * versions ascend as the transactions commit.
 */

/** Name under which events go out. */
export const serviceName = 'catalog'

export interface Written {
  /** Null when nothing was to be changed. */
  readonly eventId: string | null
  readonly product: ProductRow
  readonly isNew: boolean
}

/** @throws ProblemError 409 when there is one with this sku that was not removed */
export async function createProduct(
  tx: OutboxTransaction,
  product: Product,
  context: CausationContext,
): Promise<Written> {
  const written = await putProduct(tx, product, context)
  if (!written.isNew) throw catalogProblem('MR_CATALOG_SKU_TAKEN', product.sku)
  return written
}

/** Adds a product, or makes an existing one what is given. */
export async function putProduct(
  tx: OutboxTransaction,
  product: Product,
  context: CausationContext,
): Promise<Written> {
  const [inserted] = await insertProducts(tx, [product])
  if (inserted)
    return { product: inserted, isNew: true, eventId: tellCreated(tx, inserted, 1n, context) }
  const current = await lockProduct(tx, product.sku)
  if (current && !current.isRemoved && isSameProduct(current, product))
    return { product: current, isNew: false, eventId: null }
  const updated = await updateProduct(tx, product, false)
  const isNew = current?.isRemoved === true
  const eventId = isNew
    ? tellCreated(tx, updated, updated.version, context)
    : tell(tx, productChanged, dataOf(updated), updated.version, context)
  return { product: updated, isNew, eventId }
}

/** @throws ProblemError 404 */
export async function changeProduct(
  tx: OutboxTransaction,
  sku: string,
  change: Partial<Omit<Product, 'sku'>>,
  context: CausationContext,
): Promise<Written> {
  const current = await lockProduct(tx, sku)
  if (!current || current.isRemoved) throw catalogProblem('MR_CATALOG_PRODUCT_NOT_FOUND', sku)
  return putProduct(tx, { ...dataOf(current), ...change }, context)
}

/** @returns the event's id. @throws ProblemError 404 */
export async function removeProduct(
  tx: OutboxTransaction,
  sku: string,
  context: CausationContext,
): Promise<string> {
  const current = await lockProduct(tx, sku)
  if (!current || current.isRemoved) throw catalogProblem('MR_CATALOG_PRODUCT_NOT_FOUND', sku)
  const { version } = await updateProduct(tx, current, true)
  return tell(tx, productRemoved, { sku }, version, context)
}

/**
 * Adds those whose sku was never used and leaves all others as they are, removed ones too: an import may be run again.
 * @returns skus that were added
 */
export async function importProducts(
  tx: OutboxTransaction,
  products: readonly Product[],
  context: CausationContext,
): Promise<ReadonlySet<string>> {
  const bySku = new Map<string, Product>()
  for (const product of products) if (!bySku.has(product.sku)) bySku.set(product.sku, product)
  const inserted = await insertProducts(tx, [...bySku.values()])
  for (const product of inserted) tellCreated(tx, product, 1n, context)
  return new Set(inserted.map((product) => product.sku))
}

function tellCreated(
  tx: OutboxTransaction,
  product: ProductRow,
  version: bigint,
  context: CausationContext,
): string {
  return tell(tx, productCreated, dataOf(product), version, context)
}

function tell<Contract extends (typeof productEvents)[number]>(
  tx: OutboxTransaction,
  contract: Contract,
  data: NewEvent<Contract>['data'],
  version: bigint,
  context: CausationContext,
): string {
  const { sku } = data as { readonly sku: string }
  const event = createEvent({
    contract,
    source: serviceName,
    aggregateId: sku,
    aggregateVersion: Number(version),
    data,
    context,
  })
  tx.publish(event, {
    topic: contract.topic,
    key: sku,
    ...(context.traceparent !== undefined && { traceparent: context.traceparent }),
  })
  return event.eventId
}

/** Without what the table adds. */
function dataOf({ sku, name, unitPriceMills, stockUnit }: Product): Product {
  return { sku, name, unitPriceMills, stockUnit }
}
