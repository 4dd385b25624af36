import { type Answer, request } from '../../lib/http.ts'
import { toCancellationPage, toOrderDetail, toOrderPage, toProducts } from './mappers.ts'
import type { CancellationPage, OrderDetail, OrderPage, Product } from './model.ts'

const base = '/api/orders'
const at = (orderId: string): string => `${base}/${encodeURIComponent(orderId)}`
const pageSize = 50

export interface OrderSearch {
  readonly status: string | undefined
  /** Only of this person; without it of everybody whose orders one may see. */
  readonly customer: string | undefined
  readonly cursor: string | null
  readonly limit?: number
}

export async function listOrders(search: OrderSearch, signal?: AbortSignal): Promise<OrderPage> {
  const query = pageQuery(search)
  if (search.status) query.set('status', search.status)
  return toOrderPage((await request(`${base}?${query}`, { signal })).body)
}

/** Imported invoices that take others back, newest first. */
export async function listCancellations(
  search: Omit<OrderSearch, 'status'>,
  signal?: AbortSignal,
): Promise<CancellationPage> {
  const path = `${base}/cancellations?${pageQuery(search)}`
  return toCancellationPage((await request(path, { signal })).body)
}

function pageQuery(search: Omit<OrderSearch, 'status'>): URLSearchParams {
  const { limit = pageSize, customer, cursor } = search
  const query = new URLSearchParams({ limit: String(limit) })
  if (customer) query.set('customerId', customer)
  else query.set('all', 'true')
  if (cursor !== null) query.set('cursor', cursor)
  return query
}

export async function getOrder(orderId: string, signal?: AbortSignal): Promise<OrderDetail> {
  // Whose it is does not matter here: in production the service itself lets only staff see those of others.
  return toOrderDetail((await request(`${at(orderId)}?all=true`, { signal })).body)
}

export function placeOrder(
  items: readonly { readonly sku: string; readonly quantity: number }[],
): Promise<Answer> {
  return request(base, { method: 'POST', body: { items } })
}

export function cancelOrder(orderId: string): Promise<Answer> {
  return request(`${at(orderId)}/cancel`, { method: 'POST', body: {} })
}

/** Products of one look. */
export const maxProducts = 100

/**
 * The first `maxProducts` by sku.
 * @param query part of a sku or name
 */
export async function listProducts(
  query: string,
  signal?: AbortSignal,
): Promise<readonly Product[]> {
  const search = new URLSearchParams({ query, limit: String(maxProducts) })
  return toProducts((await request(`/api/products?${search}`, { signal })).body)
}
