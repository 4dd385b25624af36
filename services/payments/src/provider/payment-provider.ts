/** What a provider is asked about. */
export interface ProviderOrder {
  /** Its idempotency key: whatever is asked twice takes effect once. */
  readonly orderId: string
  readonly customerId: string
  /** Thousandths of a pound. */
  readonly totalMills: number
}

export type ProviderVerdict =
  | { readonly kind: 'done' }
  /** In words for the customer. */
  | { readonly kind: 'refused'; readonly reason: string }

/**
 * The place where a real provider's client goes. What it must hold to:
 * - Each call is idempotent by order id: it may come again after a time-out, a crash or an error, for as long as nobody knows of its end.
 * - Calls of one order never overlap. `release` may come where `reserve` was never heard of, and then makes a later one of no effect.
 * - A rejection means that nobody knows what was done; the call comes again. `signal` ends the waiting, not what the provider does.
 */
export interface PaymentProvider {
  reserve(order: ProviderOrder, signal: AbortSignal): Promise<ProviderVerdict>
  capture(order: ProviderOrder, signal: AbortSignal): Promise<void>
  release(order: ProviderOrder, signal: AbortSignal): Promise<void>
}
