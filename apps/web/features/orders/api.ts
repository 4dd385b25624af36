import { type Answer, request } from '../../lib/http.ts'
import { toOrderDetail, toOrderPage, toProducts } from './mappers.ts'
import type { OrderDetail, OrderPage, Product } from './model.ts'

const base = '/api/orders'
const at = (orderId: string): string => `${base}/${encodeURIComponent(orderId)}`
const pageSize = 50

export async function listOrders(
  search: { readonly status: string | undefined; readonly cursor: string | null },
  signal?: AbortSignal,
): Promise<OrderPage> {
  const query = new URLSearchParams({ all: 'true', limit: String(pageSize) })
  if (search.status) query.set('status', search.status)
  if (search.cursor !== null) query.set('cursor', search.cursor)
  return toOrderPage((await request(`${base}?${query}`, { signal })).body)
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

export async function listProducts(signal?: AbortSignal): Promise<readonly Product[]> {
  return toProducts((await request('/api/products?limit=100', { signal })).body)
}
